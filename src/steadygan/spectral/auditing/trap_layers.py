"""Traps that are layers: those whose slope no norm of a weight bounds. One function each, as in `traps`."""

import math
from collections.abc import Iterator
from typing import cast

from torch import Tensor, nn

from steadygan.spectral.auditing.cautions import Caution, Scene, shown

LAYER_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def batch_norm(scene: Scene) -> Iterator[Caution]:
    """Batch normalization in a network whose weights are normalized."""
    advice = "leave it out of a spectrally normalized discriminator"
    if not scene.normalized:
        return
    own = [(name, layer) for name, layer in scene.layers(nn.modules.batchnorm._BatchNorm)]
    for name, layer in own:
        why = (
            f"divides by the deviation of the batch, however small: {slope_now(layer)}in training by whatever the batch "
            "makes of it (forms that keep a bound exist: CHAIN, Ni & Koniusz 2024, arXiv:2404.00521)"
        )
        yield Caution(name, "batch norm under spectral norm", why, advice)
    for name in called(scene, "batch_norm", own):
        why = "its code divides by the deviation of the batch, however small"
        yield Caution(name, "batch norm under spectral norm", why, advice)


def slope_now(layer: nn.Module) -> str:
    """The largest factor of a batch norm in evaluation, in words; "" where it keeps no statistics."""
    norm = cast(nn.BatchNorm2d, layer)
    if norm.running_var is None:
        return ""
    gains = norm.weight.detach().abs() if norm.weight is not None else norm.running_var.new_ones(())
    return f"it multiplies by up to {float((gains / (norm.running_var + norm.eps).sqrt()).max()):.3g} in evaluation, and "


def instance_norm(scene: Scene) -> Iterator[Caution]:
    """Instance normalization in a network whose weights are normalized."""
    if not scene.normalized:
        return
    why = "divides each channel of each sample by its own deviation: it gives back whatever scale spectral norm took away"
    advice = "use one of the two: a patch discriminator has either instance norm or spectral norm"
    own = list(scene.layers(nn.modules.instancenorm._InstanceNorm))
    for name in [*(name for name, _ in own), *called(scene, "instance_norm", own)]:
        yield Caution(name, "instance norm under spectral norm", why, advice)


def layer_norm(scene: Scene) -> Iterator[Caution]:
    """Layer, group or RMS normalization in a network whose weights are normalized."""
    if not scene.normalized:
        return
    own = list(scene.layers(*LAYER_NORMS))
    for name, layer in own:
        eps = cast(float, layer.eps) or 1e-7
        gain = float(cast(Tensor, layer.weight).detach().abs().max()) if layer.weight is not None else 1.0
        why = f"divides each sample by its own deviation: only eps bounds its slope, at {gain / math.sqrt(eps):.3g}"
        yield Caution(name, "layer norm under spectral norm", why, "count on no bound through it, or leave it out")


def called(scene: Scene, operation: str, own: list[tuple[str, nn.Module]]) -> list[str]:
    """The modules, but for `own`, whose code calls an operation."""
    return [name for name in map(shown, scene.calling(operation)) if name not in {each for each, _ in own}]


def dropout(scene: Scene) -> Iterator[Caution]:
    """Dropout in a network whose weights are normalized."""
    if not scene.normalized:
        return
    found = {shown(name): share for name, share in (scene.rehearsal.dropout if scene.rehearsal else {}).items()}
    found |= {name: cast(float, layer.p) for name, layer in scene.layers(nn.modules.dropout._DropoutNd)}
    found |= {f"{name} (weights)": cast(float, layer.dropout) for name, layer in scene.layers(nn.MultiheadAttention)}
    for name, drop in found.items():
        if 0 < drop < 1:
            why = (
                f"in training it multiplies what it keeps by 1 / (1 - {drop:g}) = {1 / (1 - drop):.3g}: the network that "
                "learns may be that much steeper than its bound, and real and fake are judged by different networks"
            )
            yield Caution(name, "dropout under spectral norm", why, "leave it out; augmentation or R1 regularize without it")


def attention(scene: Scene) -> Iterator[Caution]:
    """Dot-product attention in a network whose weights are normalized."""
    if not scene.normalized:
        return
    why = (
        "dot-product attention is not Lipschitz, whatever the norms of its weights: its slope grows with the input "
        "(Kim et al. 2021, arXiv:2006.04710)"
    )
    advice = "L2 attention with tied queries and keys (same paper; ViTGAN, arXiv:2107.04589), or count on no bound through it"
    for name in attending(scene):
        yield Caution(name, "dot-product attention", why, advice)


def attending(scene: Scene) -> list[str]:
    """The modules that attend: torch's, those whose code was seen to, and without a forward pass those that are called so."""
    found = {name for name, _ in scene.layers(nn.MultiheadAttention)}
    if scene.rehearsal:
        calls = scene.rehearsal.calls.items()
        found |= {shown(name) for name, made in calls if "attention" in made or {"softmax", "products"} <= made}
    else:
        named = [name for name, layer in scene.layers(nn.Module) if is_called_attention(layer)]
        found |= {name for name in named if not any(other.startswith(f"{name}.") for other in {*named, *found})}
    return [name for name, _ in scene.layers(nn.Module) if name in found]


def is_called_attention(layer: nn.Module) -> bool:
    """Whether the name of a layer's class says that it attends."""
    name = type(layer).__name__.lower()
    return ("attention" in name or "attn" in name) and not isinstance(layer, nn.MultiheadAttention)
