"""All weights of a network divided by their norms in one node of the autograd graph, walked backward any number of times."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from steadygan.spectral.law import Law


@dataclass(slots=True)
class Known:
    """What the division of one weight needs, and what its backward pass will need: tensors that nobody changes later.

    Attributes:
        law: by which the weight is normalized. Not the weight itself, which holds on to the graph.
        quick: the gradient has its short form: one matrix of the stored layout, divided by its norm.
        us, vs: the singular vectors, one pair for each way of reading the weight.
        coefficient: what the norm is brought to.
        sigma: the norm: scalar, or [3] where the blocks are apart.
        factor: what the weight is multiplied by, of the same shape.
        numbers: sigma and factor on the host, where they cost nothing: for plain weights on a CPU.
        result: the normalized weight, outside the graph.
        raw_version, gain_version, value_version: how often the tensors had been written to by then.
        wanted: whether gradients of the weight and of the gain were asked for.
    """

    law: "Law"
    quick: bool
    us: Sequence[Tensor]
    vs: Sequence[Tensor]
    coefficient: Tensor
    sigma: Tensor
    factor: Tensor
    numbers: tuple[float, float] | None = None
    result: Tensor = field(init=False)
    raw_version: int = field(init=False)
    gain_version: int = 0
    value_version: int = 0
    wanted: tuple[bool, bool] = (False, False)


class Division(torch.autograd.Function):
    """(raw weights, gains or None) -> normalized weights.

    What it keeps for the backward pass is kept by reference and never freed, so that the losses on real and on fake images may
    walk back separately, as with separate graphs. Autograd does not watch such references: the backward pass itself refuses
    weights that were changed since.
    """

    @staticmethod
    def forward(ctx: Any, known: Sequence[Known], *tensors: Tensor | None) -> tuple[Tensor, ...]:
        """Multiply, and keep."""
        raws, gains = tensors[: len(known)], tensors[len(known) :]
        results = multiplied(known, raws, gains)
        for one, raw, gain, result in zip(known, raws, gains, results, strict=True):
            one.result, one.raw_version = result.detach(), raw._version  # type: ignore[union-attr]
            one.gain_version = 0 if gain is None else gain._version
        ctx.known, ctx.raws, ctx.gains = known, raws, gains
        ctx.gain_versions = [one.gain_version for one in known]
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of raw weights and gains, with u and v constant; differentiable once more where that is asked for."""
        pairs: list[tuple[Tensor | None, Tensor | None]] = []
        given = zip(ctx.known, ctx.raws, ctx.gains, ctx.gain_versions, gradients, strict=True)
        for one, raw, gain, gain_version, gradient in given:
            if gradient is None:
                pairs.append((None, None))
                continue
            if raw._version != one.raw_version or (gain is not None and gain._version != gain_version):
                raise RuntimeError(
                    f"spectral norm: weight {one.law.weight.name!r} was modified by an inplace operation between the forward "
                    "and the backward pass; call backward() before the optimizer's step, and refresh() after it"
                )
            if torch.is_grad_enabled() or not one.quick:
                pairs.append(full_gradient(one, raw, gain, gradient))
            else:
                pairs.append((quick_gradient(one, gradient), None))
        return (None, *(pair[0] for pair in pairs), *(pair[1] for pair in pairs))


def divided(known: Sequence[Known], *tensors: Tensor | None) -> tuple[Tensor, ...]:
    """The node applied: raw weights, then gains -> normalized weights."""
    return cast(tuple[Tensor, ...], Division.apply(known, *tensors))  # type: ignore[no-untyped-call]


def multiplied(known: Sequence[Known], raws: Sequence[Any], gains: Sequence[Any]) -> tuple[Tensor, ...]:
    """The normalized weights."""
    if all(one.numbers for one in known):
        return tuple(torch._foreach_mul(list(raws), [cast(tuple[float, float], one.numbers)[1] for one in known]))
    return tuple(
        raw * one.numbers[1] if one.numbers else one.law.scaled(raw, one.factor, gain)
        for one, raw, gain in zip(known, raws, gains, strict=True)
    )


def quick_gradient(one: Known, gradient: Tensor) -> Tensor:
    """(g - <g, W_sn> / c * uv') c / sigma, Miyato et al. 2018, arXiv:1802.05957, eq. 12: reads g twice and writes once."""
    last = one.result.dim() == 4 and not one.result.is_contiguous()  # a kernel laid out channels-last
    rows = gradient.permute(0, 2, 3, 1) if last else gradient
    flat = rows.flatten(1)
    inner = torch.dot(flat.reshape(-1), (one.result.permute(0, 2, 3, 1) if last else one.result).reshape(-1))
    if one.numbers:
        sigma, factor = one.numbers
        found = torch.addr(flat, one.us[0], one.vs[0], beta=factor, alpha=-inner.item() / (sigma or 1.0))
    else:
        share = -inner / torch.where(one.sigma > 0, one.sigma, 1)
        found = torch.addcmul(flat * one.factor, (one.us[0] * share).unsqueeze(1), one.vs[0].unsqueeze(0))
    return found.view(rows.shape).permute(0, 3, 1, 2) if last else found.view(gradient.shape)


def full_gradient(one: Known, raw: Tensor, gain: Tensor | None, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """The same for every mode and reading, by autograd through the formula, itself differentiable in grad mode."""
    again = torch.is_grad_enabled()
    wanted = [tensor for tensor in (raw, gain) if tensor is not None and tensor.requires_grad]
    with torch.enable_grad():
        result = one.law.formula(raw, one.us, one.law.canonical(one.vs, raw), gain, one.coefficient)
        found = iter(torch.autograd.grad(result, wanted, gradient, create_graph=again))
    return (
        next(found) if raw.requires_grad else None,
        next(found) if gain is not None and gain.requires_grad else None,
    )
