"""What the inputs are: finding, checking and loading the three CSV files, or generating their stand-in."""
