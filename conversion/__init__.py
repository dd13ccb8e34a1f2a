"""From a fitted model to an ONNX graph that is proven to value homes as the model does."""


class Refused(Exception):
    """A model or a version that must not serve; the message says what is wrong with it and what to do."""
