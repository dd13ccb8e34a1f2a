"""FastAPI with scikit-learn, in an environment of its own."""
