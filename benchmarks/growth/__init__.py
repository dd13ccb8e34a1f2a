"""How cost grows: with the batch, with the offered load, and over time."""
