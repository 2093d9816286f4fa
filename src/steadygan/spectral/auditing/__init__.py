"""The parts of an audit: what covers a weight, what a forward pass shows, how much is measured, the known traps, the table."""
