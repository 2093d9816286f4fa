"""Lints of the players and their optimizers, one function each. They need no config: any network will do."""

import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from steadygan.networks.mlp import Times
from steadygan.planning.lints.base import Lint, Setup
from steadygan.spectral import SpectralNorm
from steadygan.spectral.auditing.cautions import Caution, Scene, shown
from steadygan.spectral.auditing.rehearsal import untouched
from steadygan.spectral.auditing.trap_layers import called, dropout, instance_norm
from steadygan.spectral.auditing.traps import Trap, decayed, listed, wasserstein
from steadygan.spectral.matrix import TRANSPOSED

BATCH_NORM, DROPOUT = nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd
TRAPS: tuple[Trap, ...] = (instance_norm, dropout, decayed, wasserstein)  # those of the audit's that training suffers from
PLAYERS = ("discriminator", "generator")
MOMENTUM = 0.9
NEAR = 8.0  # distance of two points below which slope 1 is too little: 5.6 failed, 11 with the same layers did not


def batch_norm_in_discriminator(setup: Setup) -> Iterator[Lint]:
    """Batch norm ties the logit of an image to the rest of its batch.

    Ours: partial collapse in 6 of 6 runs in 2-D (ring and grid, 3 seeds each). Gulrajani et al. 2017, arXiv:1704.00028,
    section 4: a gradient penalty is per sample, so no batch norm in the critic. Sure of the direction, not of the size: DCGAN
    (arXiv:1511.06434) trains with it.
    """
    if found := batch_norms(setup.scene):
        message = "batch norm ties the logit of each image to its batch; 6 of 6 of our 2-D runs with it lost modes"
        advice = "take it out (norm_discriminator none), and keep the slope in check with spectral_norm or r1"
        yield Lint("batch_norm_in_discriminator", f"discriminator.{listed(found)}", message, advice)


def batch_norms(scene: Scene) -> list[str]:
    """The batch norms of a discriminator, as layers and in code."""
    own = list(scene.layers(BATCH_NORM))
    return [*(name for name, _ in own), *called(scene, "batch_norm", own)]


def dropouts(scene: Scene) -> list[str]:
    """What drops anything in a discriminator, as layers and in code."""
    shares = {shown(name): share for name, share in (scene.rehearsal.dropout if scene.rehearsal else {}).items()}
    shares |= {name: cast(float, layer.p) for name, layer in scene.layers(DROPOUT)}
    return [name for name, share in shares.items() if 0 < share < 1]


def traps(setup: Setup) -> Iterator[Lint]:
    """The audit's traps that training suffers from; sources and degrees of sureness are in the functions of `TRAPS`.

    From papers and arguments, not from runs of ours: instance norm and dropout under spectral norm (half sure), weight decay
    under it (van Laarhoven 2017, arXiv:1706.05350; sure), a Wasserstein loss with every layer at 1 (Anil et al. 2019,
    arXiv:1811.05381; sure).
    """
    with untouched(setup.networks.discriminator):
        found = [caution for trap in TRAPS for caution in trap(setup.scene)]
    kinds: dict[str, list[Caution]] = {}
    for caution in found:
        kinds.setdefault(caution.trap, []).append(caution)
    for trap, cautions in kinds.items():
        where = listed([caution.place for caution in cautions])
        name = trap.lower().replace(" ", "_")
        yield Lint(name, f"discriminator {where}", cautions[0].why, cautions[0].advice)


def high_momentum(setup: Setup) -> Iterator[Lint]:
    """Adam's beta1 of 0.9 or more.

    Ours, in 2-D: without a regularizer 4 of 6 runs hopped between modes, with R1 still 3 of 3 on the grid and none on the ring.
    Going down to beta1 0 half-way, 4 of 4 ended stable, against 2 of 4 left alone. Sure; other momenta (SGD, Muon) were not
    measured.
    """
    groups = [
        (player, group) for player, each in zip(PLAYERS, setup.optimizers, strict=True) if each for group in each.param_groups
    ]
    found = {player: group["betas"][0] for player, group in groups if "betas" in group and group["betas"][0] >= MOMENTUM}
    if found:
        message = f"beta1 is {max(found.values()):g}: from about 0.9 momentum alone makes the game oscillate"
        where = ", ".join(f"{player}.optimizer" for player in found)
        yield Lint("high_momentum", where, message, "set beta1=0, or 0.5 at most")


def uneven_transposed_convolution(setup: Setup) -> Iterator[Lint]:
    """Transposed convolutions whose stride does not divide the kernel: some pixels are written more often than others.

    Odena et al. 2016, "Deconvolution and Checkerboard Artifacts", Distill. Sure that it draws a checkerboard at the start;
    training can mend it, and does so seldom.
    """
    for player, network in zip(PLAYERS, (setup.networks.discriminator, setup.networks.generator), strict=True):
        found = [shown(name) for name, layer in network.named_modules() if isinstance(layer, TRANSPOSED) and is_uneven(layer)]
        if found:
            message = "transposed convolution whose stride does not divide its kernel: it draws checkerboards"
            advice = "kernel 4 with stride 2, or nearest-neighbour upsampling and a plain convolution"
            yield Lint("uneven_transposed_convolution", f"{player}.{listed(found)}", message, advice)


def is_uneven(layer: nn.Module) -> bool:
    """Whether the pixels that a transposed convolution writes get different numbers of taps, in any direction.

    >>> [is_uneven(nn.ConvTranspose2d(1, 1, kernel, stride=2)) for kernel in (3, 4)]
    [True, False]
    """
    sizes = (cast(tuple[int, ...], value) for value in (layer.kernel_size, layer.stride, layer.dilation))
    return any(
        len({sum(tap * dilation % stride == place for tap in range(kernel)) for place in range(stride)}) > 1
        for kernel, stride, dilation in zip(*sizes, strict=True)
    )


def evaluation_mode(setup: Setup) -> Iterator[Lint]:
    """A player that stands in evaluation mode when training is about to start, and acts otherwise in training. Sure."""
    for player, network in zip(PLAYERS, (setup.networks.discriminator, setup.networks.generator), strict=True):
        acts = [layer for layer in network.modules() if isinstance(layer, DROPOUT) or layer._buffers]
        if acts and not network.training:
            message = "stands in evaluation mode: statistics, singular vectors and dropout stand still in it"
            yield Lint("evaluation_mode", player, message, f"call {player}.train() before the first step")


def starved_discriminator(setup: Setup) -> Iterator[Lint]:
    """Every weight brought to norm 1 or less, on data so near each other that slope 1 cannot tell them apart.

    Ours: with the whole discriminator at slope 1, 12 of 12 runs in 2-D hopped for ever (six under spectral norm, six under a
    gradient penalty of weight 10; typical distance of two reals 1.4 and 5.6); at 8 and more, 18 of 18 were stable or partly so.
    Sure for points, and said of nothing else: convolutions stretch more than the norm of their kernel, and images lie further
    apart (22 on Fashion-MNIST).
    """
    scene, real = setup.scene, setup.real
    if real is None or len(scene.normalized) < len(scene.weights):
        return
    tight = all(promised is not None and promised <= 1 for each in scene.normalized for promised in each.coverage.promised)
    learnt = any(weight.gain is not None for weight in SpectralNorm.of(scene.module).weights)
    distance = typical_distance(real) * math.prod(layer.factor for layer in scene.module.modules() if isinstance(layer, Times))
    if tight and not learnt and distance < NEAR:
        message = (
            f"every weight has norm 1 or less and two reals lie {distance:.2g} apart: a logit of slope 1 can hardly tell them "
            "apart, and the generator hops between modes"
        )
        yield Lint("starved_discriminator", "discriminator", message, "raise the coefficient of spectral_norm to 2, or take r1")


def typical_distance(real: Tensor) -> float:
    """The median distance of two points: [B, D] -> at least 0; infinite for anything but points.

    >>> typical_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    5.0
    """
    return float(torch.pdist(real.float()).median()) if real.dim() == 2 else math.inf


NETWORK_LINTS = (
    batch_norm_in_discriminator,
    traps,
    high_momentum,
    uneven_transposed_convolution,
    evaluation_mode,
    starved_discriminator,
)
