"""State dicts of a normalized network for those who do not have ours: of plain weights, or in torch's formats."""

from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.spectral.interop import LEGACY, PARAMETRIZATION
from steadygan.spectral.layer import Normalized, own_names
from steadygan.spectral.modes import MODES
from steadygan.spectral.normalized import NormalizedWeight


def plain_state_dict(module: nn.Module) -> dict[str, Tensor]:
    """The state dict that `module` would have after `remove_spectral_norm`: baked weights, names without ours.

    A network that was never normalized loads it. `module` itself stays as it is. Weights are copies; others are shared with it.

    >>> from steadygan.spectral import spectral_norm
    >>> net = nn.Linear(8, 4)
    >>> norm = spectral_norm(net)
    >>> list(plain_state_dict(net))
    ['weight', 'bias']
    """
    state, baked = bare_state_dict(module), dict[NormalizedWeight, Tensor]()
    for _, key, one in normalized_in(module):
        if one not in baked:
            baked[one] = one.read().detach().clone()
        state[key] = baked[one]
    return state


def torch_state_dict(module: nn.Module, format: Literal["parametrization", "legacy"] = "parametrization") -> dict[str, Tensor]:
    """The state dict for the same network under torch's own spectral normalization, which then has the same outputs.

    Args:
        module: with spectral normalization of ours.
        format: of `torch.nn.utils.parametrizations.spectral_norm`, or of the older `torch.nn.utils.spectral_norm`.

    Raises:
        NetworkError: torch has nothing like it: a mode but hard, another coefficient, groups, or q, k and v as one parameter.
    """
    names = {"parametrization": PARAMETRIZATION, "legacy": LEGACY}[format]
    state = bare_state_dict(module)
    for prefix, key, one in normalized_in(module):
        if one.mode != MODES["hard"] or one.weight.blocks > 1 or float(one.coefficient) != 1:
            hint = "plain_state_dict(module) has the weights as they are used"
            raise NetworkError(f"torch_state_dict: torch cannot normalize {one.name!r} as it is here", hint)
        del state[key]
        for name, value in zip(names, (one.raw, one.us()[0], one.bases()[0][0]), strict=True):
            state[prefix + name.format(key.removeprefix(prefix))] = value.detach().clone()
    return state


def bare_state_dict(module: nn.Module) -> dict[str, Tensor]:
    """The state dict without what normalization added."""
    state = dict(module.state_dict())
    for path, layer in module.named_modules(remove_duplicate=False):
        for name in own_names(layer):
            del state[f"{path}.{name}".lstrip(".")]
    return state


def normalized_in(module: nn.Module) -> Iterator[tuple[str, str, NormalizedWeight]]:
    """(prefix of the layer, name in the state dict, weight), one for each place where a normalized weight stands."""
    for path, layer in module.named_modules(remove_duplicate=False):
        if isinstance(layer, Normalized):
            prefix = f"{path}." if path else ""
            for parameter, one in layer._normalized.items():
                yield prefix, prefix + parameter, one
