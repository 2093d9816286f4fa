"""Moving a network from torch's spectral normalization to ours, in place, in the midst of training."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm as Hook

from steadygan.errors import NetworkError
from steadygan.spectral.group import Iterations
from steadygan.spectral.interop import buffers_of, starting
from steadygan.spectral.layer import Normalized
from steadygan.spectral.matrix import LAYERS, TRANSPOSED
from steadygan.spectral.normalization import UNTIL, SpectralNorm, spectral_norm
from steadygan.spectral.normalized import NormalizedWeight

ATTENTION = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


@dataclass(frozen=True)
class Carried:
    """A weight that torch normalizes.

    Attributes:
        name: the layer's; with the parameter's own, where it is not `weight`.
        layer, parameter: whose it is.
        raw: the stored weight; None if it is no parameter.
        besides: classes of what else the weight is parametrized by.
        u, v: torch's vectors [M], [N]; None for a weight of one dimension.
        dim: which dimension of the weight is the matrix's first.
    """

    name: str
    layer: nn.Module
    parameter: str
    raw: nn.Parameter | None
    besides: list[str]
    u: Tensor | None
    v: Tensor | None
    dim: int


def from_torch(module: nn.Module, *, n_power_iterations: Iterations = UNTIL, automatic: bool = True) -> SpectralNorm:
    """Replace torch's spectral normalization by ours, in place, in every layer of `module` that has it and in no other.

    Parameters keep their identity, so optimizers go on. Torch's u and v are kept, so that outputs stay the same until the next
    update of the weights, but for grouped convolutions and for q, k and v in one parameter: torch takes the norm of all their
    blocks as one matrix, which is not the norm of the layer. There a warning says so.

    Args:
        module: with `torch.nn.utils.parametrizations.spectral_norm` or the older `torch.nn.utils.spectral_norm` on any layers.
        n_power_iterations, automatic: as for `spectral_norm`.

    Returns:
        The handle.

    Raises:
        NetworkError: no layer has it; or one has it on a weight that is not normalized here or carries something else as well.
            Nothing is changed then.

    >>> net = nn.Sequential(torch.nn.utils.parametrizations.spectral_norm(nn.Linear(8, 4)))
    >>> list(from_torch(net).sigma)
    ['0']
    """
    found = list(carried(module))
    refuse(module, found)
    for one in found:
        take_off(one)
    names = {one.name for one in found}
    norm = spectral_norm(
        module, n_power_iterations=n_power_iterations, include=lambda name, _: name in names, automatic=automatic
    )
    if changed := [one.name for one in found if not hand_over(one)]:
        warnings.warn(f"from_torch: of {', '.join(changed)} torch normalized another matrix; outputs change", stacklevel=2)
    return norm


def carried(module: nn.Module) -> Iterator[Carried]:
    """All weights in `module` that torch normalizes."""
    for path, layer in module.named_modules():
        for parameter, chain in chains_of(layer).items():
            first = next((one for one in chain if isinstance(one, _SpectralNorm)), None)
            if first is not None:
                besides = [type(one).__name__ for one in chain if not isinstance(one, _SpectralNorm)]
                raw, u, v = chain._parameters.get("original"), first._buffers.get("_u"), first._buffers.get("_v")
                yield Carried(named(path, parameter), layer, parameter, raw, besides, u, v, first.dim)
        for hook in layer._forward_pre_hooks.values():
            if isinstance(hook, Hook):
                raw, u, v = layer._parameters.get(f"{hook.name}_orig"), *(layer._buffers[f"{hook.name}_{x}"] for x in "uv")
                yield Carried(named(path, hook.name), layer, hook.name, raw, [], u, v, hook.dim)


def chains_of(layer: nn.Module) -> dict[str, parametrize.ParametrizationList]:
    """Parameter name -> its chain of parametrizations."""
    chains = dict(cast(nn.ModuleDict, layer.parametrizations)) if parametrize.is_parametrized(layer) else {}
    return cast(dict[str, parametrize.ParametrizationList], chains)


def named(path: str, parameter: str) -> str:
    """A weight's name, as `spectral_norm` calls it."""
    return path if parameter == "weight" else f"{path}.{parameter}".lstrip(".")


def refuse(module: nn.Module, found: list[Carried]) -> None:
    """Raise for what cannot be moved."""
    if not found:
        others = (
            f"{named(path, key)!r} is parametrized by {', '.join(type(one).__name__ for one in chain)}"
            for path, layer in module.named_modules()
            for key, chain in chains_of(layer).items()
        )
        hint = next(others, "spectral_norm(module) normalizes a plain network")
        raise NetworkError("from_torch: no layer carries torch's spectral norm", hint)
    for one in found:
        if one.besides:
            problem = f"carries {', '.join(one.besides)} besides torch's spectral norm"
            raise NetworkError(f"from_torch: {one.name!r} {problem}", "remove that one first")
        if not is_known(one):
            kind = type(one.layer).__name__
            raise NetworkError(
                f"from_torch: {one.name!r} of a {kind} cannot be normalized here", "call from_torch on the parts without it"
            )


def is_known(one: Carried) -> bool:
    """`spectral_norm` would take the weight if torch's were gone."""
    layer = one.layer
    if one.raw is None or isinstance(layer, Normalized) or getattr(layer, "max_norm", None) is not None:
        return False
    if isinstance(layer, nn.MultiheadAttention):
        return one.parameter in ATTENTION
    return isinstance(layer, LAYERS) and one.parameter == "weight"


def take_off(one: Carried) -> None:
    """Make the stored weight the layer's plain parameter."""
    layer, parameter = one.layer, one.parameter
    if parametrize.is_parametrized(layer, parameter):
        chains = cast(nn.ModuleDict, layer.parametrizations)
        del chains[parameter]
        layer.__class__ = class_without(type(layer), parameter, left=len(chains) > 0)
        if not chains:
            del layer.parametrizations
    else:
        for hooks in (layer._forward_pre_hooks, layer._state_dict_hooks, layer._load_state_dict_pre_hooks):
            for key in [key for key, hook in hooks.items() if is_torchs(hook)]:
                del hooks[key]
        del layer._parameters[f"{parameter}_orig"], layer._buffers[f"{parameter}_u"], layer._buffers[f"{parameter}_v"]
        layer.__dict__.pop(parameter, None)
    layer._parameters[parameter] = one.raw


def class_without(cls: Any, parameter: str, left: bool) -> Any:
    """The class of a layer with one parametrization less, `left`: with others. Deep copies of the layer go on with `cls`.

    Torch's own removal deletes the property from `cls`, which deep copies share, and so breaks them.
    """
    if not left:
        return cls.__bases__[0]
    body = {name: value for name, value in vars(cls).items() if name not in (parameter, "__dict__", "__weakref__")}
    return type(cls.__name__, cls.__bases__, body)


def is_torchs(hook: Any) -> bool:
    """A hook is one of those that torch's older normalization puts on a layer."""
    return isinstance(getattr(hook, "fn", hook), Hook)


@torch.no_grad()
def hand_over(one: Carried) -> bool:
    """Go on with torch's vectors where they are usable; False where torch read the weight as another matrix."""
    target = cast(Normalized, one.layer)._normalized[one.parameter]
    dim = one.dim % target.raw.dim()
    if target.weight.blocks > 1 or dim != int(isinstance(one.layer, TRANSPOSED)):
        return False
    continue_from(target, one.u, one.v)
    return True


def continue_from(target: NormalizedWeight, u: Tensor | None, v: Tensor | None) -> None:
    """Make u and v, where they are usable, those of a weight as it is; when it changes next they are iterated on thoroughly."""
    (reading,) = target.readings
    for buffer, value in zip(buffers_of(target, reading), starting(target, reading, target.raw, (u, v)), strict=True):
        buffer.copy_(value)
    target.lost = True
    if not target.know_buffers().sigma > 0:  # as with the random vectors of torch's older normalization
        target.group.settle(target)
