"""Following a forward pass, one operation at a time, with a bound of how steep each tensor is in the input."""
