"""steadygan: adversarial training kept steady, with measured spectral normalization at its heart."""
