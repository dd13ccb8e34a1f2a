"""From sales to a published version: train, convert to ONNX, prove parity, calibrate, publish, roll back."""
