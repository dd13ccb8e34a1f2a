"""The two presentations of the service, built from the evaluation's own figures."""
