"""The doctor's card: how often the judge is right, on training runs whose truth is known. Knows numbers and names only."""
