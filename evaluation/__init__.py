"""How good a model is: splits, metrics, plots, the report and the slides. Nothing else of the project imports it."""
