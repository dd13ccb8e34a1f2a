"""What an agent shows a seller beside the price: comparable sales, adjusted to the home, and reasons in dollars.

numpy and the standard library only, and of this project ``preprocessing.columns``: both are copied into the model
repository as they stand, so that evaluation and serving run the same lines.
"""
