"""All weights of a network divided by their norms in one node of the autograd graph, walked backward any number of times."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor, is_legacy_batchedtensor

from steadygan.spectral.native import Found, gradients, takes

if TYPE_CHECKING:
    from steadygan.spectral.law import Law


class Pair(Protocol):
    """A pair of singular vectors of each block of a weight, [G * M] and [G * N], and u'Wv of each, [G]."""

    @property
    def u(self) -> Tensor:
        """Of length 1."""

    @property
    def v(self) -> Tensor:
        """Of length 1."""

    @property
    def sigma(self) -> Tensor:
        """Scalar for one plain matrix."""


@dataclass(slots=True)
class Told:
    """A pair read from buffers."""

    u: Tensor
    v: Tensor
    sigma: Tensor


@dataclass(slots=True)
class Known:
    """What the division of one weight needs, and what its backward pass will need: tensors that nobody changes later.

    Attributes:
        law: by which the weight is normalized. Not the weight itself, which holds on to the graph.
        quick: the gradient has its short form: one matrix of the stored layout, divided by its norm.
        pairs: the singular vectors, one pair for each way of reading the weight.
        coefficient: what the norm is brought to.
        norm: scalar, or [3] where the blocks are apart; or None, and then it is in `numbers`.
        factor: what the weight is multiplied by, of the same shape.
        numbers: norm and factor on the host, where they cost nothing: for plain weights on a CPU.
        made: the normalized weight, where it was made already, until it is handed out.
        result: the normalized weight, outside the graph.
        gain_version, value_version: how often the tensors had been written to by then.
        wanted: whether gradients of the weight and of the gain were asked for.
    """

    law: "Law"
    quick: bool
    pairs: Sequence["Pair"]
    coefficient: Tensor
    norm: Tensor | None
    numbers: tuple[float, float] | None = None
    made: Tensor | None = None
    factor: Tensor = field(init=False)
    result: Tensor = field(init=False)
    gain_version: int = 0
    value_version: int = 0
    wanted: tuple[bool, bool] = (False, False)

    @property
    def us(self) -> list[Tensor]:
        """The left vectors."""
        return [one.u for one in self.pairs]

    @property
    def vs(self) -> list[Tensor]:
        """The right vectors."""
        return [one.v for one in self.pairs]

    @property
    def sigma(self) -> Tensor:
        """The norm."""
        return torch.tensor(cast(tuple[float, float], self.numbers)[0]) if self.norm is None else self.norm


class Division(torch.autograd.Function):
    """(raw weights, then gains, of those that have one) -> normalized weights.

    What it keeps for the backward pass is kept by reference and never freed, so that the losses on real and on fake images may
    walk back separately, as with separate graphs. Autograd does not watch such references: the backward pass itself refuses
    weights that were changed since.
    """

    @staticmethod
    def forward(ctx: Any, known: Sequence[Known], *tensors: Tensor) -> tuple[Tensor, ...]:
        """Multiply, and keep."""
        given = iter(tensors[len(known) :])
        raws, gains = tensors[: len(known)], [next(given) if one.law.mode.learnable else None for one in known]
        results = multiplied(known, raws, gains)
        for one, gain, result in zip(known, gains, results, strict=True):
            one.result, one.gain_version = result.detach(), 0 if gain is None else gain._version
        ctx.known, ctx.raws, ctx.gains = known, raws, gains
        ctx.versions = [raw._version for raw in raws]
        ctx.gain_versions = [one.gain_version for one in known]
        ctx.results = {
            k: one.result for k, one in enumerate(known) if one.numbers is not None and isinstance(one.pairs[0], Found)
        }
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(ctx: Any, *given: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of raw weights and gains, with u and v constant; differentiable once more where that is asked for."""
        of_raws: list[Tensor | None] = [None] * len(given)
        of_gains = of_raws.copy()
        reached = [k for k, gradient in enumerate(given) if gradient is not None]
        if [raw._version for raw in ctx.raws] != ctx.versions or any(gain is not None for gain in ctx.gains):
            refuse_changed(ctx, reached)
        again, results = torch.is_grad_enabled(), ctx.results
        short = [] if again else [k for k in reached if k in results and takes(cast(Tensor, given[k]), results[k])]
        if short:
            found = short_gradients([ctx.known[k] for k in short], [cast(Tensor, given[k]) for k in short])
            for k, gradient in zip(short, found, strict=True):
                of_raws[k] = gradient
        for k in reached if len(short) < len(reached) else ():
            one, gradient = ctx.known[k], cast(Tensor, given[k])
            if again or not one.quick or is_batch(gradient):
                of_raws[k], of_gains[k] = full_gradient(one, ctx.raws[k], ctx.gains[k], gradient)
            elif k not in short:
                of_raws[k] = quick_gradient(one, gradient)
        return (None, *of_raws, *(of_gains[k] for k, one in enumerate(ctx.known) if one.law.mode.learnable))


def is_batch(gradient: Tensor) -> bool:
    """Several gradients at once, which can be reckoned with but not looked at, as `is_grads_batched` hands over."""
    return bool(is_legacy_batchedtensor(gradient) or is_functorch_wrapped_tensor(gradient))


def refuse_changed(ctx: Any, reached: Sequence[int]) -> None:
    """Raise where a tensor is no longer what it was in the forward pass."""
    for k in reached:
        gain = ctx.gains[k]
        if ctx.raws[k]._version != ctx.versions[k] or (gain is not None and gain._version != ctx.gain_versions[k]):
            raise RuntimeError(
                f"spectral norm: weight {ctx.known[k].law.weight.name!r} was modified by an inplace operation between the "
                "forward and the backward pass; call backward() before the optimizer's step, and refresh() after it"
            )


def divided(known: Sequence[Known], *tensors: Tensor) -> tuple[Tensor, ...]:
    """The node applied."""
    return cast(tuple[Tensor, ...], Division.apply(known, *tensors))  # type: ignore[no-untyped-call]


def multiplied(known: Sequence[Known], raws: Sequence[Any], gains: Sequence[Any]) -> tuple[Tensor, ...]:
    """The normalized weights."""
    if all(one.numbers and one.made is None for one in known):
        return tuple(torch._foreach_mul(list(raws), [cast(tuple[float, float], one.numbers)[1] for one in known]))
    return tuple(value_of(one, raw, gain) for one, raw, gain in zip(known, raws, gains, strict=True))


def value_of(one: Known, raw: Tensor, gain: Tensor | None) -> Tensor:
    """One normalized weight; given away if it is there already: who kept it would keep the graph that it joins."""
    if one.made is not None:
        made, one.made = one.made, None
        return made
    return raw * one.numbers[1] if one.numbers else one.law.scaled(raw, one.factor, gain)


def short_gradients(known: Sequence[Known], given: Sequence[Tensor]) -> list[Tensor]:
    """What `quick_gradient` computes, by the kernels."""
    found = [cast(Found, one.pairs[0]) for one in known]
    return gradients(given, [one.result for one in known], found, [cast(tuple[float, float], one.numbers) for one in known])


def quick_gradient(one: Known, gradient: Tensor) -> Tensor:
    """(g - <g, W_sn> / c * uv') c / sigma, Miyato et al. 2018, arXiv:1802.05957, eq. 12: reads g twice and writes once."""
    pair = one.pairs[0]
    last = one.result.dim() == 4 and not one.result.is_contiguous()  # a kernel laid out channels-last
    rows = gradient.permute(0, 2, 3, 1) if last else gradient
    flat = rows.flatten(1)
    inner = torch.dot(flat.reshape(-1), (one.result.permute(0, 2, 3, 1) if last else one.result).reshape(-1))
    if one.numbers:
        sigma, factor = one.numbers
        found = torch.addr(flat, pair.u, pair.v, beta=factor, alpha=-inner.item() / (sigma or 1.0))
    else:
        share = -inner / torch.where(one.sigma > 0, one.sigma, 1)
        found = torch.addcmul(flat * one.factor, (pair.u * share).unsqueeze(1), pair.v.unsqueeze(0))
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
