"""The heart: spectral normalization and singular values. Imports nothing else of steadygan but its errors."""

from steadygan.spectral.group import Until
from steadygan.spectral.matrix import Weight, as_matrices, weight_layers, weights
from steadygan.spectral.modes import MODES
from steadygan.spectral.normalization import SpectralNorm, remove_spectral_norm, spectral_norm
from steadygan.spectral.layer import own_names
from steadygan.spectral.singular import condition_number, effective_rank, singular_values, stable_rank

__all__ = [
    "MODES",
    "SpectralNorm",
    "Until",
    "Weight",
    "as_matrices",
    "condition_number",
    "effective_rank",
    "own_names",
    "remove_spectral_norm",
    "singular_values",
    "spectral_norm",
    "stable_rank",
    "weight_layers",
    "weights",
]
