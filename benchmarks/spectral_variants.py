"""What `spectral.py` compares: a discriminator with our spectral normalization, with torch's or with none, and its training."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.nn.utils import parametrizations

from networks import fashion, generator_cnn
from steadygan.spectral import advance, group, native, spectral_norm, workspace


class Variant:
    """One discriminator with one kind of normalization."""

    def __init__(self, net: nn.Module, kind: str) -> None:
        self.net, self.refresh = net, lambda: None
        self.layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        if kind == "torch":
            for layer in self.layers:
                parametrizations.spectral_norm(layer)
        self.normalized = []
        if kind == "ours":
            norm = spectral_norm(net, automatic=False)
            self.refresh, self.normalized = norm.refresh, norm.weights
        raws = [
            layer.parametrizations.weight.original if kind == "torch" else layer._parameters["weight"] for layer in self.layers
        ]
        self.raws: list[Tensor] = raws

    def reads(self) -> list[Tensor]:
        """All weights as a forward pass reads them; for ours with what each layer looks at first."""
        for one in self.normalized:
            one.group.before_forward(one, True)
        return [one.read() for one in self.normalized] or [layer.weight for layer in self.layers]

    def set(self, weights: list[Tensor]) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self.raws, weights)

    def work(self, weights: list[Tensor], gradients: list[Tensor]) -> None:
        """The normalization work of one GAN step."""
        torch.autograd.backward([*self.reads(), *self.reads()], gradients + gradients)
        self.set(weights)
        self.refresh()
        torch.autograd.backward(self.reads(), gradients)
        for raw in self.raws:
            raw.grad = None


def variants(net: nn.Module) -> dict[str, Variant]:
    return {kind: Variant(copy.deepcopy(net), kind) for kind in ("none", "torch", "ours")}


def without_kernels(net: nn.Module) -> Variant:
    """Ours as it is where the package was built without a compiler."""
    kernels, native.kernels = native.kernels, lambda: None
    try:
        one = Variant(copy.deepcopy(net), "ours")
        one.refresh()  # what takes a weight is settled here
    finally:
        native.kernels = kernels
    return one


def gan_step(one: Variant, generator: nn.Module, real: Tensor, optimizers: list[torch.optim.Optimizer]) -> None:
    """A discriminator step and a generator step, as people write them."""
    with torch.no_grad():
        fake = generator(torch.randn(len(real), 128, device=real.device))
    loss = relu(1 - one.net(real)).mean() + relu(1 + one.net(fake)).mean()
    optimizers[0].zero_grad()
    loss.backward()
    optimizers[0].step()
    one.refresh()
    loss = -one.net(generator(torch.randn(len(real), 128, device=real.device))).mean()
    optimizers[1].zero_grad()
    loss.backward()
    optimizers[1].step()


def trajectory(net: nn.Module, steps: int, device: torch.device) -> list[list[Tensor]]:
    """The stored weights after each of the last `steps` steps of a short training."""
    ours, generator, data = Variant(copy.deepcopy(net), "ours"), generator_cnn(32).to(device), fashion().to(device)
    optimizers = [torch.optim.Adam(player.parameters(), 2e-4, betas=(0.0, 0.9)) for player in (ours.net, generator)]
    found = []
    for step in range(20 + steps):
        gan_step(ours, generator, data[16 * step : 16 * step + 16], optimizers)
        if step >= 20:
            found.append([raw.detach().clone() for raw in ours.raws])
    return found


class counted:
    """Counts iterations of our refreshes, on a CPU and elsewhere."""

    def __enter__(self) -> dict[str, int]:
        self.counts = {"maps": 0, "refreshes": 0}
        self.plain = [
            self.count("maps", advance, "iterate", lambda given, _: len(given[0])),
            self.count("maps", workspace.Workspace, "_once", lambda given, _: len(given[1])),
            self.count("maps", native, "run", lambda _, done: done),
            self.count("refreshes", group.Group, "refresh", lambda *_: 1),
        ]
        return self.counts

    def count(self, kind: str, place: object, name: str, many: Callable[[tuple, object], int]) -> tuple[object, str, object]:
        """Have a function add to a count: -> what to put back, and where."""
        plain = getattr(place, name)

        def counting(*given, **settings):
            found = plain(*given, **settings)
            self.counts[kind] += many(given, found)
            return found

        setattr(place, name, counting)
        return place, name, plain

    def __exit__(self, *problem: object) -> None:
        for one in self.plain:
            setattr(*one)
