"""What every stabilizer in the table must keep to, alone and beside others, in the real training step."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from steadygan.game import Batch, Networks
from steadygan.losses import Hinge
from steadygan.stabilizers import R1, STABILIZERS, Dragan, GradientPenalty, InstanceNoise, SpectralNormalization, WeightClipping
from steadygan.training.precision import Precision
from steadygan.training.step import Method, discriminator_step, generator_step

ALONE = {name: (STABILIZERS.build(name),) for name in STABILIZERS}
TOGETHER = {
    "SN + R1": (SpectralNormalization(), R1()),
    "SN + GP": (SpectralNormalization(), GradientPenalty()),
    "SN on both + DRAGAN + noise": (SpectralNormalization(on="both"), Dragan(every=2), InstanceNoise()),
    "clipping + SN": (WeightClipping(), SpectralNormalization()),
    "all at once": tuple(STABILIZERS.build(name) for name in reversed(list(STABILIZERS)) if name != "weight_norm"),
    "all but spectral norm": tuple(STABILIZERS.build(name) for name in STABILIZERS if name != "spectral_norm"),
}
CASES = {**ALONE, **TOGETHER}


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.classes = nn.Linear(4, 4 * 16), nn.Embedding(3, 4)
        self.layers = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Tanh())

    def forward(self, z: Tensor, label: Tensor | None) -> Tensor:
        return self.layers(self.stem(z * self.classes(label)).view(-1, 4, 4, 4))


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1), nn.LeakyReLU(0.1), nn.Conv2d(4, 8, 4, 2, 1), nn.LeakyReLU(0.1))
        self.head, self.classes, self.names = nn.Linear(8, 1), nn.Embedding(3, 8), nn.Linear(8, 3)

    def forward(self, images: Tensor, label: Tensor | None) -> Tensor:
        features = self.body(images).sum((2, 3))
        return self.head(features).flatten() + (features * self.classes(label)).sum(1)

    def classify(self, images: Tensor) -> Tensor:
        return self.names(self.body(images).sum((2, 3)))


@pytest.fixture
def networks() -> Networks:
    torch.manual_seed(0)
    return Networks(Generator(), Discriminator())


def make_batch(networks: Networks, step: int) -> Batch:
    random = torch.Generator().manual_seed(step)
    real, z = torch.rand(6, 1, 8, 8, generator=random) * 2 - 1, torch.randn(6, 4, generator=random)
    label, fake_label = (torch.randint(3, (6,), generator=random) for _ in range(2))
    return Batch(real, networks.generator(z, fake_label), label, fake_label, step, random, z=z)


def prepare(networks: Networks, method: Method) -> None:
    for stabilizer in method.stabilizers:
        stabilizer.prepare(networks)


def play(networks: Networks, method: Method, steps: int) -> dict[str, Tensor]:
    """Some steps of the real game; -> the readings of the last one."""
    optimizers = [torch.optim.Adam(player.parameters(), 1e-3) for player in (networks.discriminator, networks.generator)]
    readings = {}
    for step in range(steps):
        batch = make_batch(networks, step)
        readings = discriminator_step(networks, replace(batch, fake=batch.fake.detach()), method, optimizers[0])
        readings |= generator_step(networks, batch, method, optimizers[1])
    return readings


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("case", list(CASES))
def test_some_steps_leave_finite_numbers_and_moving_weights(case, dtype, networks):
    method = Method(Hinge(), CASES[case], precision=Precision(dtype))
    prepare(networks, method)
    starts = [parameter.detach().clone() for player in vars(networks).values() for parameter in player.parameters()]
    readings = play(networks, method, steps=3)
    assert all(torch.isfinite(value) for value in readings.values()), readings
    parameters = [parameter for player in vars(networks).values() for parameter in player.parameters()]
    assert all(torch.isfinite(parameter).all() for parameter in parameters)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    moved = [not torch.equal(now, start) for now, start in zip(parameters, starts, strict=True) if now.grad is not None]
    assert all(moved)


@pytest.mark.parametrize("name", list(STABILIZERS))
def test_is_seeded_by_the_batch_alone(name, networks):
    """Two runs from equal weights and batches agree bit for bit, whatever the global random state is; it is not touched."""
    ends = []
    for seed in (1, 2):
        torch.manual_seed(0)
        twin = Networks(Generator(), Discriminator())
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        method = Method(Hinge(), (STABILIZERS.build(name),))
        prepare(twin, method)
        play(twin, method, steps=2)
        assert torch.equal(torch.get_rng_state(), before)
        ends.append(torch.cat([value.flatten().double() for value in twin.discriminator.state_dict().values()]))
    assert torch.equal(*ends)


@pytest.mark.parametrize("name", list(STABILIZERS))
def test_transform_keeps_shape_and_penalties_are_scalars_at_least_zero(name, networks):
    stabilizer, batch = STABILIZERS.build(name), make_batch(networks, 0)
    stabilizer.prepare(networks)
    assert stabilizer.transform(batch.real, batch).shape == batch.real.shape
    for term in (stabilizer.penalty(networks.discriminator, batch), stabilizer.generator_penalty(networks, batch)):
        assert term is None or (term.shape == () and term >= 0 and term.dtype == torch.float32)


@pytest.mark.parametrize("name", [name for name in STABILIZERS if "every" in STABILIZERS[name].model_fields])
def test_every_skips_the_steps_between(name, networks):
    stabilizer = STABILIZERS.build({"name": name, "every": 2})
    odd = make_batch(networks, 1)
    assert stabilizer.penalty(networks.discriminator, odd) is None
    assert stabilizer.generator_penalty(networks, odd) is None


@pytest.mark.parametrize("name", list(STABILIZERS))
def test_its_spec_builds_it_again(name):
    stabilizer = STABILIZERS.build(name)
    assert stabilizer.name == name
    assert STABILIZERS.build(stabilizer.spec()) == stabilizer
