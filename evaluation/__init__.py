"""How good a model is: splits, metrics, plots and the report. Imports ``conversion``; nobody imports it."""
