"""The two presentations of the service, built from the evaluation's own figures."""


class SlidesError(Exception):
    """The slides can't be built, or only in part; the message says what to do."""
