"""The heart: spectral normalization and singular values. Imports nothing else of steadygan but its errors."""

from steadygan.spectral.matrix import as_matrices, weight_layers
from steadygan.spectral.normalization import SpectralNorm, remove_spectral_norm, spectral_norm
from steadygan.spectral.power import power_iteration
from steadygan.spectral.singular import condition_number, effective_rank, singular_values, stable_rank

__all__ = [
    "SpectralNorm",
    "as_matrices",
    "condition_number",
    "effective_rank",
    "power_iteration",
    "remove_spectral_norm",
    "singular_values",
    "spectral_norm",
    "stable_rank",
    "weight_layers",
]
