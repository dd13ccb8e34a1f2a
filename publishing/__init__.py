"""From an ONNX graph to a numbered version that serves, and back: publish, roll back, share by a bucket."""
