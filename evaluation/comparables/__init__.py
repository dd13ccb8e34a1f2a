"""How good comparable sales and reasons are: figures and the page docs/comparables.md."""
