"""One forward pass that leaves no trace: what shape each layer is given, and which operations are called beside the layers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.spectral_norm import SpectralNorm as TorchHook
from torch.nn.utils.weight_norm import WeightNorm as WeightNormHook
from torch.overrides import TorchFunctionMode

from steadygan.spectral.normalization import SpectralNorm

PRODUCTS = {"matmul", "__matmul__", "bmm", "baddbmm", "einsum"}
ATTENTION = {"scaled_dot_product_attention", "multi_head_attention_forward"}
NORMS = {"batch_norm", "instance_norm", "layer_norm", "group_norm", "rms_norm"}
Input = tuple[Tensor, ...]


@dataclass
class Rehearsal:
    """What a forward pass showed.

    Attributes:
        shapes: layer name -> the shape of its first input without the batch, the largest where it was called several times.
        calls: name of the module whose own code called it -> operations: `softmax`, `products`, `attention`, norms, `dropout`.
        dropout: name of such a module -> the largest probability with which its own code drops.
        failure: why there was none; "" where there was one.
    """

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    calls: dict[str, set[str]] = field(default_factory=dict)
    dropout: dict[str, float] = field(default_factory=dict)
    failure: str = ""


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Within it `module` is in evaluation mode and reads its weights as they are; afterwards everything is as it was.

    Modes, buffers, attributes and the global random state are put back. In evaluation mode no normalization moves its vectors.
    The weight that torch's old hooks leave behind in each forward pass is made anew, as it may be older than its parameter.
    """
    layers = list(module.modules())
    refreshes = [(one.group, one.group.refreshes) for one in SpectralNorm.of(module).weights]
    kept = [(layer, dict(layer.__dict__), contents(layer)) for layer in layers]
    values = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    devices = list({parameter.device for parameter in module.parameters() if parameter.is_cuda})
    try:
        with torch.random.fork_rng(devices):
            for layer in layers:  # not by eval(), which a class may have made do more than this
                layer.training = False
            freshen(layers)
            yield
    finally:
        for layer, attributes, containers in kept:
            layer.__dict__.clear()
            layer.__dict__.update(attributes)
            for container, content in containers:
                refill(container, content)
        for group, count in refreshes:
            group.refreshes = count  # a schedule may go by it
        with torch.no_grad():
            for buffer, value in values:
                if not torch.equal(buffer, value):  # an unneeded write would count as a change of what autograd has saved
                    buffer.copy_(value)


def contents(layer: nn.Module) -> list[tuple[Any, Any]]:
    """(container, copy of it) for each plain list, dictionary and set that the layer holds."""
    return [(value, value.copy()) for value in layer.__dict__.values() if type(value) in (dict, list, set)]


def refill(container: Any, content: Any) -> None:
    """Make the same container hold what it held."""
    container.clear()
    container.extend(content) if isinstance(container, list) else container.update(content)


@torch.no_grad()
def freshen(layers: list[nn.Module]) -> None:
    """Let torch's old hooks compute their weights, which otherwise are those of the last forward pass."""
    for layer in layers:
        for hook in layer._forward_pre_hooks.values():
            if isinstance(hook, TorchHook | WeightNormHook):
                with suppress(ZeroDivisionError):
                    hook(layer, None)


def rehearse(module: nn.Module, input_shape: tuple[int, ...]) -> Rehearsal:
    """Run `module` once on random numbers, within `untouched`.

    Args:
        module: any network that takes one tensor, alone or with one label a sample.
        input_shape: of one sample, without the batch.
    """
    seen, problems = Rehearsal(), []
    for inputs in candidates(module, input_shape):
        seen = Rehearsal()
        try:
            with torch.no_grad(), watching(module, seen):
                module(*inputs)
        except Exception as error:  # a stranger's network can fail in any way
            problems.append(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": "))
        else:
            return seen
    return Rehearsal(failure=problems[0])


def candidates(module: nn.Module, input_shape: tuple[int, ...]) -> Iterator[Input]:
    """What a network may want: numbers, numbers and labels, or indices; always two samples."""
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    random = torch.Generator().manual_seed(0)
    numbers = torch.randn(2, *input_shape, generator=random).to(like)
    labels = torch.zeros(2, dtype=torch.long, device=like.device)
    yield (numbers,)
    yield (numbers, labels)
    yield (torch.zeros(2, *input_shape, dtype=torch.long, device=like.device),)


@contextmanager
def watching(module: nn.Module, seen: Rehearsal) -> Iterator[None]:
    """Within it, forward passes of `module` are written into `seen`."""
    scope: list[str] = []
    hooks = []
    for name, layer in module.named_modules():
        hooks.append(layer.register_forward_pre_hook(entering(name, scope, seen), with_kwargs=True))
        hooks.append(layer.register_forward_hook(lambda *_: void(scope.pop())))
    try:
        with Watch(scope, seen, dict(module.named_modules())):
            yield
    finally:
        for hook in hooks:
            hook.remove()


def void(_: object) -> None:
    """Nothing: what a hook must return so that it changes nothing."""


def entering(name: str, scope: list[str], seen: Rehearsal) -> Callable[[nn.Module, Any, Any], None]:
    """A hook that notes the shape of the layer's first input."""

    def hook(_layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        scope.append(name)
        first = next((each for each in (*inputs, *named.values()) if isinstance(each, Tensor)), None)
        if first is not None:
            shape = tuple(first.shape[1:])
            seen.shapes[name] = max(seen.shapes.get(name, shape), shape, key=volume)

    return hook


def volume(shape: tuple[int, ...]) -> int:
    """The number of entries."""
    return torch.Size(shape).numel()


class Watch(TorchFunctionMode):
    """Notes the operations that matter under the module whose own code calls them; `nn.Softmax` counts as its parent's."""

    def __init__(self, scope: list[str], seen: Rehearsal, modules: dict[str, nn.Module]) -> None:
        super().__init__()
        self.scope, self.seen, self.modules = scope, seen, modules

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the operation, and note it."""
        kwargs = kwargs or {}
        operation = named(getattr(func, "__name__", ""), args)
        if operation and self.scope:
            place = self.place(operation)
            self.seen.calls.setdefault(place, set()).add(operation)
            if operation == "dropout":
                drop = float(kwargs.get("p", args[1] if len(args) > 1 else 0.5))
                self.seen.dropout[place] = max(drop, self.seen.dropout.get(place, 0.0))
        return func(*args, **kwargs)

    def place(self, operation: str) -> str:
        """The name of the module whose own code this is."""
        name = self.scope[-1]
        is_softmax = operation == "softmax" and isinstance(self.modules.get(name), nn.Softmax)
        return self.scope[-2] if is_softmax and len(self.scope) > 1 else name


def named(function: str, args: tuple[Any, ...]) -> str:
    """The name under which an operation is noted; "" for one that does not matter."""
    if function in PRODUCTS:
        tensors = [each for each in args if isinstance(each, Tensor)]
        return "products" if len(tensors) > 1 and all(each.dim() > 2 for each in tensors[:2]) else ""
    if function in ATTENTION:
        return "attention"
    if function.startswith("dropout") or function in ("alpha_dropout", "feature_dropout"):
        return "dropout"
    return function if function in NORMS or function == "softmax" else ""
