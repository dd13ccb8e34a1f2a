"""MLServer with onnxruntime, in an environment of its own."""
