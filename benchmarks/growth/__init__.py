"""How cost grows: with the batch, with the offered load, over time, and with the model."""
