"""What keeps a weight's largest singular value in check, if anything: our normalization, torch's two, or a layer's own code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _Orthogonal, _SpectralNorm, _WeightNorm
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.spectral_norm import SpectralNorm as TorchHook
from torch.nn.utils.weight_norm import WeightNorm as WeightNormHook

from steadygan.spectral.matrix import Weight, weights
from steadygan.spectral.modes import MODES
from steadygan.spectral.normalization import SpectralNorm
from steadygan.spectral.reading import Kernel

OWN_CODE = {"u0": "BigGAN", "sn_u": "mimicry"}  # buffer that a layer with spectral normalization of its own keeps -> whose
Normalizer = _SpectralNorm | TorchHook


@dataclass(frozen=True)
class Coverage:
    """What a normalization believes and promises of a weight.

    Attributes:
        by: `ours`, `torch` (its parametrization), `torch hook` (its old one), `orthogonal`, `BigGAN` or `mimicry`
            (layers with a normalization of their own); "" for nothing.
        reason: why nothing does; "" where something does.
        believed: the largest singular value that it divides by, one for each of the weight's labels.
        promised: the value that it brings the largest singular value to, one for each label.
        of_operator: belief and promise are of the convolution's norm, not of its kernel's.
        factor: what the layer's own code multiplies the weight by that can be read from it.
    """

    by: str = ""
    reason: str = ""
    believed: tuple[float | None, ...] = (None,)
    promised: tuple[float | None, ...] = (None,)
    factor: float = 1.0
    of_operator: bool = False


@dataclass(frozen=True)
class Subject:
    """What makes a row: a weight, or a layer that has none but parameters, or that divides by statistics.

    Attributes:
        name, layer: where it is.
        shape: of the weight, or of the layer's first parameter.
        weight: None where there is no matrix to look at.
    """

    name: str
    layer: nn.Module
    shape: tuple[int, ...]
    weight: Weight | None
    coverage: Coverage


def subjects_of(module: nn.Module) -> Iterator[Subject]:
    """All that has a row, in the order of the network. Reads weights: call it within `untouched`."""
    known: dict[int, list[Weight]] = {}
    for weight in weights(module):
        known.setdefault(id(weight.layer), []).append(weight)
    for name, layer in module.named_modules():
        if "parametrizations" in name.split("."):
            continue
        found = known.get(id(layer)) or ([] if isinstance(layer, STATISTICS) else list(unusual_weights(name, layer)))
        for weight in found:
            if reason := without_values(weight):
                yield Subject(weight.name, layer, (), None, Coverage(reason=reason))
            else:
                yield Subject(weight.name, layer, tuple(weight.value.shape), weight, cover(weight))
        if not found:
            yield from without_matrix(name, layer)


def without_values(weight: Weight) -> str:
    """Why a weight has nothing to look at; "" where it has."""
    stored = weight.layer._parameters.get(weight.parameter)
    if stored is None:
        return ""
    if nn.parameter.is_lazy(stored):
        return "lazy: no weight before the first batch"
    if stored.is_complex():
        return "complex numbers, which are not looked at"
    return "on the meta device: no values" if stored.is_meta else ""


def without_matrix(name: str, layer: nn.Module) -> Iterator[Subject]:
    """The row of a layer that divides by statistics or has slopes, or one for each parameter that only its own code knows."""
    shapes = {parameter: tuple(getattr(layer, parameter).shape) for parameter in tensor_names(layer)}
    if reason := why_not(layer):
        yield Subject(name, layer, next(iter(shapes.values()), ()), None, Coverage(reason=reason))
        return
    for parameter, shape in shapes.items():
        label = f"{name}.{parameter}" if name else parameter
        yield Subject(label, layer, shape, None, Coverage(reason="a parameter of the layer's own code"))


def unusual_weights(name: str, layer: nn.Module) -> Iterator[Weight]:
    """Parameters of two or more dimensions called weight or kernel, or normalized by torch, in layers of no known kind."""
    for parameter in tensor_names(layer):
        value = getattr(layer, parameter)
        says_so = "weight" in parameter or "kernel" in parameter
        if isinstance(value, Tensor) and value.dim() > 1 and (says_so or normalizers(layer, parameter)):
            label = name if parameter == "weight" else f"{name}.{parameter}" if name else parameter
            yield Weight(label, layer, parameter)


def tensor_names(layer: nn.Module) -> list[str]:
    """The names by which the layer's own code reads its parameters, normalized or not."""
    hooked = [hook.name for hook in layer._forward_pre_hooks.values() if isinstance(hook, TorchHook | WeightNormHook)]
    stored = {f"{name}{end}" for name in hooked for end in ("_orig", "_g", "_v")}
    plain = [name for name, value in layer._parameters.items() if value is not None and name not in stored]
    return [*plain, *hooked, *cast(dict[str, nn.Module], getattr(layer, "parametrizations", {}))]


def cover(weight: Weight) -> Coverage:
    """What keeps this weight in check."""
    for way in (by_us, by_torch, by_own_code):
        if (found := way(weight)) is not None:
            return found
    n = len(weight.labels)
    reason = why_not(weight.layer, weight.parameter) or "nothing normalizes it"
    return Coverage(reason=reason, believed=(None,) * n, promised=(None,) * n)


def by_us(weight: Weight) -> Coverage | None:
    """Our own normalization."""
    norm = SpectralNorm.of(weight.layer)
    stored = weight.layer._parameters.get(weight.parameter)
    one = next((each for each in norm.weights if each.raw is stored), None)
    if one is None:
        return None
    believed = tuple(norm.sigma[label] for label in one.weight.labels)
    if one.mode.factor is None:
        return Coverage("", "measured only", believed, (None,) * len(believed))
    gain = 1.0 if one.gain is None else abs(float(one.gain.detach()))
    wanted = [gain * norm.coefficient[label] for label in one.weight.labels]
    if one.mode.factor is MODES["soft"].factor:
        wanted = [min(pair) for pair in zip(wanted, believed, strict=True)]
    promised: tuple[float | None, ...] = (None,) * len(wanted) if one.mode.both_ways else tuple(wanted)
    return Coverage("ours", "", believed, promised, of_operator=not isinstance(one.readings[0], Kernel))


@torch.no_grad()
def by_torch(weight: Weight) -> Coverage | None:
    """Torch's parametrization or its old hook; one norm for the whole weight, whatever its groups."""
    found, n = normalizers(weight.layer, weight.parameter), len(weight.labels)
    if not found:
        chain = parametrizations(weight.layer, weight.parameter)
        orthogonal = any(isinstance(each, _Orthogonal) for each in chain)
        return Coverage("orthogonal", "", (None,) * n, (1.0,) * n) if orthogonal else None
    by = "torch" if isinstance(found[0], _SpectralNorm) else "torch hook"
    return Coverage(by, "", (believed_by(found[0], weight),) * n, (1.0,) * n)


def believed_by(normalizer: Normalizer, weight: Weight) -> float:
    """u'Wv of the weight that reaches one of torch's normalizations."""
    if isinstance(normalizer, TorchHook):
        stored = (getattr(weight.layer, f"{normalizer.name}{end}") for end in ("_orig", "_u", "_v"))
        value, u, v = stored
        return float(u @ normalizer.reshape_weight_to_matrix(value) @ v)
    value = before(normalizer, weight)
    if value.dim() == 1:
        return float(value.norm())
    return float(normalizer._u @ normalizer._reshape_weight_to_matrix(value) @ normalizer._v)


def before(normalizer: _SpectralNorm, weight: Weight) -> Tensor:
    """What the parametrizations in front of `normalizer` make of the stored weight."""
    chain = parametrizations(weight.layer, weight.parameter)
    place = chain.index(normalizer)
    whole = cast(Any, weight.layer.parametrizations)[weight.parameter]
    value = whole.original if hasattr(whole, "original") else None
    for index, each in enumerate(chain[:place]):
        value = each(value) if index or value is not None else each(whole.original0, whole.original1)
    return cast(Tensor, value)


@torch.no_grad()
def by_own_code(weight: Weight) -> Coverage | None:
    """Layers that normalize in their own `forward`, as BigGAN's and mimicry's do: one half iteration from the stored u."""
    buffer = next((name for name in OWN_CODE if name in weight.layer._buffers), None)
    if buffer is None:
        return None
    matrix, u = weight.value.flatten(1), cast(Tensor, weight.layer._buffers[buffer]).flatten()
    matrix = matrix.T if len(u) != len(matrix) and len(u) == matrix.shape[1] else matrix
    sigma = float((matrix @ torch.nn.functional.normalize(u @ matrix, dim=0)).norm())
    return Coverage(OWN_CODE[buffer], "", (sigma,), (1.0,), 1 / sigma if sigma else 1.0)


def normalizers(layer: nn.Module, parameter: str) -> list[Normalizer]:
    """All of torch's spectral normalizations on a parameter, of both kinds."""
    hooks = [each for each in layer._forward_pre_hooks.values() if isinstance(each, TorchHook) and each.name == parameter]
    return [*(each for each in parametrizations(layer, parameter) if isinstance(each, _SpectralNorm)), *hooks]


def parametrizations(layer: nn.Module, parameter: str) -> list[nn.Module]:
    """The parametrizations of a parameter, the first applied first."""
    chains = getattr(layer, "parametrizations", None)
    if not isinstance(chains, nn.ModuleDict) or parameter not in chains:
        return []
    return list(cast(ParametrizationList, chains[parameter]))


STATISTICS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)


def why_not(layer: nn.Module, parameter: str = "") -> str:
    """Why a layer, or a parameter of it, is not normalized; "" where only that nobody did it."""
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        return "divides by the deviation of the batch"
    if isinstance(layer, STATISTICS):
        return "divides by the deviation of each sample"
    if isinstance(layer, nn.RNNBase | nn.RNNCellBase):
        return "recurrent: stretches once for each time step"
    chain = parametrizations(layer, parameter)
    hooks = [each for each in layer._forward_pre_hooks.values() if isinstance(each, WeightNormHook) and each.name == parameter]
    if hooks or any(isinstance(each, _WeightNorm) for each in chain):
        return "weight norm: sets the length of each row, no largest singular value"
    if chain:
        return f"parametrized by {type(chain[-1]).__name__.lstrip('_')}"
    return "slopes, no matrix" if isinstance(layer, nn.PReLU) else ""


def kind_of(layer: nn.Module) -> str:
    """The name of the layer's class as its author knows it, without what a normalization makes of it."""
    ours = layer in SpectralNorm.of(layer).layers.values()
    for cls in type(layer).__mro__[ours:]:
        if cls.__module__.startswith("torch.nn.modules") and cls.__name__ != "NonDynamicallyQuantizableLinear":
            return cls.__name__ if cls is not nn.Module else type(layer).__name__.removeprefix("Parametrized")
    return type(layer).__name__
