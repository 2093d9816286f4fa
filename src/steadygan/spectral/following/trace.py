"""The forward pass itself: tensors that carry what is known of them, and the rules that are asked at every operation.

Nothing is guessed: an operation without a rule makes what comes out of it unknown, under the name of the module whose code it
is. The path through the code is that of one input. Where the code looks at values to choose its path, or takes them out of
sight (to numpy, into scripted code, into a tensor of its own), that is a leak: nothing is known of the whole network then.
"""

import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from steadygan.spectral.following.call import Call, State, UnknownSlope, joined
from steadygan.spectral.following.rules import REASONS, RULES, is_about, name_of, still_peak
from steadygan.spectral.following.sizes import samples_stay


class Tracked(Tensor):
    """A tensor that came out of the network's inputs.

    Attributes:
        plain: the same without tracking, on which everything is computed.
        state: what is known of it.
        follower: what it belongs to.
    """

    plain: Tensor
    state: State
    follower: "Trace"

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every operation with a tracked tensor comes here."""
        found = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tracked)]
        return found[0].follower.follow(func, found, args, kwargs or {})


class Trace:
    """One forward pass.

    Args:
        network: in whose parts operations are placed.
        trained: ids of the modules that stand in training mode.
        batch: the number of samples.

    Attributes:
        scope: the modules whose code is running, the innermost last.
        leaks: where values went out of sight.
        leaf: the images, for autograd.
        at_work: above 0 while what is computed is followed.
    """

    def __init__(self, network: nn.Module, trained: set[int], batch: int) -> None:
        self.names = {id(module): name for name, module in network.named_modules()}
        self.trained, self.batch = trained, batch
        self.scope: list[nn.Module] = [network]
        self.leaks: list[str] = []
        self.leaf: Tensor | None = None
        self._living: list[weakref.ref[Tracked]] = []
        self.at_work = 0

    def track(self, plain: Tensor, state: State) -> Tracked:
        """A plain tensor as a tracked one."""
        tracked = plain.as_subclass(Tracked)
        tracked.plain, tracked.state, tracked.follower = plain, state, self
        self._living.append(weakref.ref(tracked))
        return tracked

    def image(self, images: Tensor) -> Tracked:
        """The network's input, of slope 1."""
        with self.busy():
            self.leaf = images.detach().clone().requires_grad_(True)
            return self.track(self.leaf.clone(), State(1.0))

    def place(self, reason: str) -> str:
        """A reason with the name of the module whose code is running."""
        module = self.scope[-1]
        name, kind = self.names.get(id(module), ""), type(module).__name__.removeprefix("Normalized")
        return f"{name} ({kind}): {reason}" if name else f"{kind}: {reason}"

    def leak(self, reason: str) -> None:
        """Note that values of the input are where they cannot be followed."""
        self.leaks.append(self.place(reason))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Within it operations on the plain tensors are those of a rule."""
        self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1

    def follow(self, func: Callable[..., Any], found: list[Tracked], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one operation on the plain tensors, and find the state of what comes out."""
        with self.busy():
            plain_args, plain_kwargs = tree_map(plain, (args, kwargs))
            tensors = [(each, each._version) for each in tree_leaves((plain_args, plain_kwargs)) if isinstance(each, Tensor)]
            out = func(*plain_args, **plain_kwargs)
            states = {id(each.plain): each.state for each in found}
            training = id(self.scope[-1]) in self.trained
            call = Call(name_of(func), plain_args, plain_kwargs, out, states, self.batch, training)
            written = [each for each, version in tensors if each._version != version]
            return self.settle(call, {id(each.plain): each for each in found}, written, self.judge(call))

    def settle(self, call: Call, found: dict[int, Tracked], written: list[Tensor], state: State) -> Any:
        """What the caller gets: tracked tensors, new or the one that was changed in place."""
        for each in written if state.moves else ():
            if id(each) not in found:
                self.leak(f"{call.name} writes into a tensor made otherwise")
            elif each is not call.out:
                self.changed(found[id(each)], self.beyond(state, f"{call.name} writes into a part of a tensor"))
        if call.name == "set data":
            self.leak("a tensor's data is replaced")

        def settled(each: Any) -> Any:
            if not isinstance(each, Tensor):
                if state.moves and each is not None and not is_about(call):
                    self.leak(f"{call.name} lets the code look at values that depend on the input")
                return each
            real = each.is_floating_point() or not state.moves or state.unknown
            own = state if real else self.beyond(state, f"{call.name} gives no real numbers")
            if id(each) in found:
                return self.changed(found[id(each)], own)
            return each if is_about(call) else self.track(each, own)

        return tree_map(settled, call.out)

    def changed(self, tracked: Tracked, state: State) -> Tracked:
        """A tensor that was perhaps changed in place, and with it all that share its memory."""
        if state != tracked.state:
            for other in self.living():
                if other is not tracked and memory_of(other.plain) == memory_of(tracked.plain):
                    other.state = joined([other.state, state])
        tracked.state = state
        return tracked

    def living(self) -> list[Tracked]:
        """All tracked tensors that the code still holds."""
        found = [(reference, reference()) for reference in self._living]
        self._living = [reference for reference, tracked in found if tracked is not None]
        return [tracked for _, tracked in found if tracked is not None]

    def holds(self, tensor: Tensor) -> bool:
        """Whether a tensor has the memory of one that depends on the input."""
        return any(each.state.moves and memory_of(each.plain) == memory_of(tensor) for each in self.living())

    def beyond(self, state: State, reason: str) -> State:
        """The state of what is no longer known, for one more reason."""
        return State(math.inf, unknown=tuple(dict.fromkeys((*state.unknown, self.place(reason)))))

    def judge(self, call: Call) -> State:
        """The state of what comes out of a call."""
        known = joined(call.states.values())
        if known.moves and is_about(call):
            return known
        if self.lost(call):
            return self.beyond(known, f"{call.name} of what was computed out of sight")
        if not known.moves:
            return State(peak=still_peak(call))
        rule = RULES.get(call.name)
        try:
            if rule is None:
                raise UnknownSlope(REASONS.get(call.name, f"{call.name} is not known to have a largest slope"))
            slope = rule(call)
            if not samples_stay(call):
                raise UnknownSlope(f"{call.name} moves or mixes the samples of a batch")
        except UnknownSlope as reason:
            return self.beyond(known, str(reason))
        return replace(known, slope=math.inf) if known.unknown else State(slope)

    def lost(self, call: Call) -> bool:
        """Whether a tensor without a state depends on the input all the same: code outside of torch's functions made it."""
        plain = [
            each for each in tree_leaves((call.args, call.kwargs)) if isinstance(each, Tensor) and id(each) not in call.states
        ]
        return any(self.depends(each) for each in plain)

    def depends(self, tensor: Tensor) -> bool:
        """Whether autograd knows a path to a tensor from the images."""
        if not tensor.requires_grad or tensor.is_leaf or self.leaf is None:
            return False
        with self.busy(), torch.enable_grad():
            (gradient,) = torch.autograd.grad(tensor.sum(), self.leaf, allow_unused=True, retain_graph=True)
        return gradient is not None


class Sight(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation below the level of torch's functions, such as those of scripted code."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.trace = trace

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation; note it where it works on tracked memory and nobody follows."""
        if self.trace.at_work:
            return func(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunctionSubclass():
            if any(isinstance(each, Tensor) and self.trace.holds(each) for each in tree_leaves((args, kwargs))):
                self.trace.leak(f"{str(func).split('.')[1]} is computed out of sight")
            return func(*args, **(kwargs or {}))


def plain(value: Any) -> Any:
    """A tracked tensor without tracking; anything else as it is."""
    return value.plain if isinstance(value, Tracked) else value


def memory_of(tensor: Tensor) -> int:
    """Where a tensor's numbers are kept; the same for its views."""
    return tensor.untyped_storage().data_ptr()
