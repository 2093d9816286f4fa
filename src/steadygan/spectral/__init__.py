"""The heart: spectral normalization and singular values. Imports nothing else of steadygan but its errors."""

from steadygan.spectral.adoption import from_torch
from steadygan.spectral.advance import Until
from steadygan.spectral.audit import audit
from steadygan.spectral.auditing.findings import Audit
from steadygan.spectral.export import plain_state_dict, torch_state_dict
from steadygan.spectral.layer import own_names
from steadygan.spectral.leading import LeadingValues
from steadygan.spectral.lipschitz import Bounds, lipschitz
from steadygan.spectral.maps import linear_map
from steadygan.spectral.matrix import Weight, weights
from steadygan.spectral.modes import MODES
from steadygan.spectral.normalization import SpectralNorm, remove_spectral_norm, spectral_norm
from steadygan.spectral.operator import operator_norm, operator_norm_bound
from steadygan.spectral.singular import condition_number, effective_rank, singular_values, stable_rank

__all__ = [
    "MODES",
    "Audit",
    "Bounds",
    "LeadingValues",
    "SpectralNorm",
    "Until",
    "Weight",
    "audit",
    "condition_number",
    "effective_rank",
    "from_torch",
    "linear_map",
    "lipschitz",
    "operator_norm",
    "operator_norm_bound",
    "own_names",
    "plain_state_dict",
    "remove_spectral_norm",
    "singular_values",
    "spectral_norm",
    "stable_rank",
    "torch_state_dict",
    "weights",
]
