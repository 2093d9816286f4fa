"""A layer some of whose weights read as normalized."""

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from torch import Tensor, nn

from steadygan.spectral.interop import are_in_step, translate
from steadygan.spectral.law import is_recorded, wide
from steadygan.spectral.normalized import NormalizedWeight


class Normalized(nn.Module):
    """What a layer with normalized weights is besides its own class; `_normalized` maps parameter names to them."""

    _normalized: dict[str, NormalizedWeight]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's own forward pass; where a stored weight has changed, the network's vectors are refreshed first."""
        if is_recorded():
            return super().forward(*args, **kwargs)
        for one in self._normalized.values():
            one.group.before_forward(one, self.training)
        one.group.inside += 1
        try:
            return super().forward(*args, **kwargs)
        finally:
            one.group.inside -= 1

    def _take_over(self) -> None:
        """What was written into the normalized weights, before it is looked for in the stored ones."""
        for one in self._normalized.values():
            if one.written or one.changed_unseen() == "value":
                one.adopt()

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Move and convert, but never convert the vectors to a type with less than seven digits."""
        self._take_over()
        known = {one: one.in_step(one.raw) and one.stored for one in self._normalized.values()}
        before = [(one, name, buffer) for one in known for name, buffer in buffers_of(self, one)]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for one, name, buffer in before:
            like = wide(one.raw.detach())
            if cast(Tensor, self._buffers[name]).dtype != like.dtype:
                self._buffers[name] = buffer.to(like)
        for one, was in known.items():
            one.trust(was)
        return self

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        self._take_over()
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Load our own format, plain weights, or what others wrote: see `interop`."""
        found = [
            (one, translate(state_dict, prefix, parameter, one, own_tensors(self, one)))
            for parameter, one in self._normalized.items()
        ]
        super()._load_from_state_dict(state_dict, prefix, *rest)
        for one, known in found:
            if known is not None:
                arrived(self, one, known)

    def __reduce_ex__(self, protocol: Any) -> Any:
        self._take_over()
        base, parameters = type(self).__bases__[1], tuple(self._normalized)
        return blank, (base, parameters), self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        for one in self._normalized.values():
            one.holders += 1
            if self is one.weight.layer:
                one.arrive()


def buffers_of(layer: nn.Module, one: NormalizedWeight) -> Iterator[tuple[str, Tensor]]:
    """Names and values of the buffers that normalization put on a layer for one weight; none where it is another layer's."""
    if layer is one.weight.layer:
        for name in [f"{kind}{reading.suffix}" for reading in one.readings for kind in "uv"] + ["coefficient"]:
            yield f"{one.weight.parameter}_{name}", one.buffer(name)


@cache
def normalized_class(base: Any, parameters: tuple[str, ...]) -> Any:
    """`base` with some of its parameters read as normalized."""
    body: dict[str, Any] = {parameter: property(reader(parameter), writer(parameter)) for parameter in parameters}
    return type(f"Normalized{base.__name__}", (Normalized, base), {**body, "__module__": base.__module__})


def reader(parameter: str) -> Any:
    """What a property of the class does. An AttributeError would make torch hand out the stored weight instead."""

    def read(layer: Normalized) -> Tensor:
        try:
            one = layer._normalized[parameter]
            return one.read() if one.group.inside or is_recorded() else one.lend()
        except KeyError as error:
            raise RuntimeError(
                f"spectral norm: the layer has no {error} any more; parametrize or prune before you normalize, not after"
            ) from error
        except AttributeError as error:
            raise RuntimeError(f"spectral norm: cannot read {parameter!r}: {error}") from error

    return read


def writer(parameter: str) -> Any:
    """What setting it does. A new `nn.Parameter` does not come here: torch stores it."""

    def write(_: Normalized, value: Any) -> None:
        raise RuntimeError(
            f"spectral norm: {parameter!r} can be set to a nn.Parameter only, got {type(value).__name__}; where "
            "nn.DataParallel does this, use DistributedDataParallel; else remove_spectral_norm() first"
        )

    return write


def blank(base: type[nn.Module], parameters: tuple[str, ...]) -> nn.Module:
    """An empty layer of a normalized class: what copying and unpickling fill."""
    found: nn.Module = object.__new__(normalized_class(cast(Any, base), parameters))
    return found


def own_tensors(layer: nn.Module, one: NormalizedWeight) -> dict[str, Tensor]:
    """The same with the learnt factor, where there is one."""
    gain = {f"{one.weight.parameter}_gain": one.gain} if layer is one.weight.layer and one.gain is not None else {}
    return {**dict(buffers_of(layer, one)), **gain}


def own_names(layer: nn.Module) -> set[str]:
    """Names of the buffers and parameters that normalization put on a layer."""
    if not isinstance(layer, Normalized):
        return set()
    return {name for one in layer._normalized.values() for name in own_tensors(layer, one)}


def arrived(layer: nn.Module, one: NormalizedWeight, known: bool) -> None:
    """Go by what a state dict brought for one weight; where it brought no vectors of our own, find them.

    Vectors are found at once, not in the next forward pass: who loads to export or to look at sigma makes none.
    """
    one.lost, like = not known, wide(one.raw.detach())
    for name, buffer in buffers_of(layer, one):
        layer._buffers[name] = buffer.to(like)  # with assign=True the weight may have come in another type
    one.trust(not one.lost and are_in_step(one))
    if one.lost:
        one.group.settle(one)


def attach(layer: nn.Module, parameter: str, one: NormalizedWeight) -> None:
    """Make a layer read one of its parameters as normalized."""
    normalized = layer.__dict__.setdefault("_normalized", {})
    normalized[parameter] = one
    one.holders += 1
    base = type(layer).__bases__[1] if isinstance(layer, Normalized) else type(layer)
    layer.__class__ = normalized_class(base, tuple(normalized))


def detach(layer: Normalized) -> None:
    """Make a layer what it was."""
    for one in layer._normalized.values():
        one.holders -= 1
        for name in [name for name, _ in buffers_of(layer, one)]:
            del layer._buffers[name]
        layer._parameters.pop(f"{one.weight.parameter}_gain", None)
        if layer is one.weight.layer:
            one.group.weights.remove(one)
    base = type(layer).__bases__[1]
    del layer._normalized
    layer.__class__ = base
