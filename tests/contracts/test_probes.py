"""What every probe in the table must keep to: finite named numbers, and no trace of itself."""

import json
import math
import re

import pytest
import torch
from torch import Tensor, nn

from steadygan.game import Batch, Networks
from steadygan.monitoring import PROBES
from steadygan.spectral import spectral_norm


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 64), nn.Unflatten(1, (4, 4, 4)), nn.BatchNorm2d(4), nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Tanh()
        )

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(z)


class Discriminator(nn.Module):
    """With all that could leave a trace: running statistics, dropout, normalized weights."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, 1, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.1), nn.Dropout(0.3), nn.Conv2d(4, 8, 4, 2, 1), nn.ReLU()
        )
        self.head, self.classes = nn.Linear(8, 1), nn.Embedding(3, 8)

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        features = self.body(images).sum((2, 3))
        logits = self.head(features).flatten()
        return logits if label is None else logits + (features * self.classes(label)).sum(1)


def plain(discriminator: nn.Module) -> None:
    """As built."""


def ours(discriminator: nn.Module) -> None:
    spectral_norm(discriminator)


def torchs(discriminator: nn.Module) -> None:
    """Torch's own, whose vectors move whenever a weight is read."""
    for layer in discriminator.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.utils.parametrizations.spectral_norm(layer)


def make_networks(normalize, training: bool) -> Networks:
    torch.manual_seed(0)
    networks = Networks(Generator(), Discriminator())
    normalize(networks.discriminator)
    for player in vars(networks).values():
        player.train(training)
        for parameter in player.parameters():
            parameter.grad = torch.randn_like(parameter)
    return networks


def make_batch(labelled: bool) -> Batch:
    random = torch.Generator().manual_seed(3)
    real, fake, heldout, averaged, live = (torch.rand(8, 1, 8, 8, generator=random) * 2 - 1 for _ in range(5))
    reference = torch.rand(60, 1, 8, 8, generator=random) * 2 - 1
    labels = [torch.randint(3, (n,), generator=random) if labelled else None for n in (8, 8, 8, 60, 8)]
    seen = (real, fake, labels[0], labels[1], 7, random, heldout, torch.zeros(8, 4), labels[2])
    return Batch(*seen, averaged, live, reference, reference_label=labels[3], live_label=labels[4])


def everything(networks: Networks, batch: Batch) -> dict[str, object]:
    """All that a probe could change, copied; tensors as bytes, so that NaN equals NaN."""
    found: dict[str, object] = {"global random state": torch.get_rng_state(), "batch random state": batch.random.get_state()}
    for player, network in vars(networks).items():
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            found |= {f"{player}.{name}": tensor.detach(), f"{player}.{name} identity": id(tensor)}
            found |= {f"{player}.{name}.grad": tensor.grad, f"{player}.{name} asks": tensor.requires_grad}
        found |= {f"{player}.{name} mode": module.training for name, module in network.named_modules()}
    found |= {f"batch.{name}": value for name, value in vars(batch).items()}
    return {name: value.numpy().tobytes() if isinstance(value, Tensor) else value for name, value in found.items()}


probes = pytest.mark.parametrize("name", list(PROBES))


@probes
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("normalize", [plain, ours, torchs])
def test_leaves_no_trace(name, normalize, training):
    networks, batch = make_networks(normalize, training), make_batch(labelled=True)
    before = everything(networks, batch)
    assert PROBES.build(name).measure(networks, batch)
    after = everything(networks, batch)
    assert [key for key in before if before[key] != after[key]] == []
    assert before.keys() == after.keys()


@probes
@pytest.mark.parametrize("labelled", [True, False])
def test_gives_finite_named_numbers_the_same_each_time(name, labelled):
    networks, batch = make_networks(ours, training=True), make_batch(labelled)
    readings = PROBES.build(name).measure(networks, batch)
    assert readings or (name == "labels" and not labelled)
    for reading, value in readings.items():
        assert re.fullmatch(r"[a-z_]+/[A-Za-z0-9_.]+", reading)
        assert type(value) is float
        assert math.isfinite(value)
    assert PROBES.build(name).measure(networks, make_batch(labelled)) == readings


@probes
def test_what_it_remembers_survives_a_checkpoint(name):
    networks, batch, other = make_networks(ours, training=True), make_batch(labelled=True), make_batch(labelled=True)
    PROBES.build(name).measure(networks, batch)
    other.memory.update(json.loads(json.dumps(batch.memory)))
    assert PROBES.build(name).measure(networks, other) == PROBES.build(name).measure(networks, batch)


@probes
def test_never_raises_on_a_broken_game(name):
    """NaN weights and NaN images: readings may be missing or NaN, but training goes on to its own verdict."""
    networks, batch = make_networks(ours, training=True), make_batch(labelled=True)
    with torch.no_grad():
        for parameter in networks.discriminator.parameters():
            parameter.fill_(math.nan)
    batch.fake.fill_(math.nan)
    batch.live.fill_(math.nan)
    PROBES.build(name).measure(networks, batch)


@probes
def test_works_on_points_and_on_a_batch_of_one(name):
    class Line(nn.Linear):
        def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
            return super().forward(images).flatten()

    for n in (5, 1):
        batch = Batch(torch.randn(n, 2), torch.randn(n, 2), None, None, 0, torch.Generator())
        readings = PROBES.build(name).measure(Networks(nn.Linear(2, 2), Line(2, 1)), batch)
        assert all(math.isfinite(value) for value in readings.values())


def test_no_two_probes_share_a_name():
    networks, batch = make_networks(ours, training=True), make_batch(labelled=True)
    names = [reading for name in PROBES for reading in PROBES.build(name).measure(networks, batch)]
    assert len(names) == len(set(names))


@probes
def test_its_spec_builds_it_again(name):
    probe = PROBES.build(name)
    assert probe.name == name
    assert PROBES.build(probe.spec()) == probe
