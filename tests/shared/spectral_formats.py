"""Checkpoints of one weight in every format: plain, torch's two, those of other repositories, and our first one."""

import torch
from spectral_cases import LAYERS
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils import spectral_norm as legacy_norm

from steadygan.spectral import Weight, weights

KINDS = LAYERS | {
    "narrow": lambda: nn.Linear(2, 5),  # fewer columns than vectors are carried
    "bilinear": lambda: nn.Bilinear(3, 4, 5),
    "grouped transposed": lambda: nn.ConvTranspose1d(6, 4, 4, groups=2),
    "attention": lambda: nn.MultiheadAttention(8, 2),
    "attention of three": lambda: nn.MultiheadAttention(8, 2, kdim=6, vdim=5),
}


def stored(one: Weight) -> torch.Tensor:
    """The parameter itself, whatever is read in its place."""
    return one.layer._parameters[one.parameter]


def singular_vectors(one: Weight) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the weight as one matrix, output by input, as all other implementations take it."""
    raw = stored(one).detach()
    u, _, v = torch.linalg.svd((raw.transpose(0, 1) if one.transposed else raw).flatten(1))
    return u[:, 0], v[0]


def by_torch(apply):
    """The state after `apply(layer, parameter)` to each weight."""

    def state_of(net):
        for one in weights(net):
            apply(one.layer, one.parameter)
        return net.state_dict()

    return state_of


def beside(**extra):
    """The plain state with further keys beside each weight, as functions of (weight, u)."""

    def state_of(net):
        state = dict(net.state_dict())
        for one in weights(net):
            prefix = f"{one.name}.".removesuffix(f"{one.parameter}.")
            state |= {prefix + name: make(one, singular_vectors(one)[0]) for name, make in extra.items()}
        return state

    return state_of


def in_a_module(net):
    """As the module `SpectralNorm` that repositories copied from each other stores a layer."""
    state = {}
    found = {f"{one.name}.".removesuffix(f"{one.parameter}."): one for one in weights(net) if one.parameter == "weight"}
    for key, value in net.state_dict().items():
        prefix = next((prefix for prefix in found if key.startswith(prefix)), None)
        state[key if prefix is None else f"{prefix}module.{key.removeprefix(prefix)}"] = value
    for prefix, one in found.items():
        state[f"{prefix}module.weight_bar"] = state.pop(f"{prefix}module.weight")
        state[f"{prefix}module.weight_u"], state[f"{prefix}module.weight_v"] = singular_vectors(one)
    return state


def of_steadygan_0_1(net):
    """It stored each weight as a parametrization of torch's, with vectors [G, M] and [G, N]."""
    state = dict(net.state_dict())
    for one in weights(net):
        prefix = f"{one.name}.".removesuffix(f"{one.parameter}.") + f"parametrizations.{one.parameter}"
        u, _, v = torch.linalg.svd(one.matrices(state.pop(f"{prefix.rpartition('parametrizations')[0]}{one.parameter}")))
        state |= {f"{prefix}.original": stored(one).detach(), f"{prefix}.0.u": u[..., 0], f"{prefix}.0.v": v[:, 0]}
    return state


def without_vectors(state_of):
    """The same state, less what ends in `_u` and `_v`."""
    return lambda net: {key: value for key, value in state_of(net).items() if key[-2:] not in ("_u", "_v")}


PARAMETRIZATION, LEGACY = by_torch(parametrizations.spectral_norm), by_torch(legacy_norm)


FORMATS = {
    "plain": lambda net: net.state_dict(),
    "parametrization": PARAMETRIZATION,
    "legacy": LEGACY,
    "parametrization without vectors": without_vectors(PARAMETRIZATION),
    "legacy without vectors": without_vectors(LEGACY),
    "parametrization twice": by_torch(lambda *of: [parametrizations.spectral_norm(*of) for _ in range(2)]),
    "biggan": beside(
        u0=lambda one, u: 3 * u.unsqueeze(0),  # before training it is of any length
        sv0=lambda one, u: torch.ones(1),
        u1=lambda one, u: torch.randn(1, len(u)),
        sv1=lambda one, u: torch.ones(1),
    ),
    "mimicry": beside(sn_u=lambda one, u: u.unsqueeze(0), sn_sigma=lambda one, u: torch.ones(1)),
    "copied module": in_a_module,
    "steadygan 0.1": of_steadygan_0_1,
}
