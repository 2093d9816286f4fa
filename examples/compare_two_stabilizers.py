"""One stabilizer at two strengths: spectral normalization with c = 1 and c = 4, on eight Gaussians in a ring.

    python examples/compare_two_stabilizers.py --seeds 3
    python examples/compare_two_stabilizers.py --coefficients 8

Everything but the coefficient is equal: networks, first weights, data order, latents. The discriminator has three layers, so
its budget for slope is c * c * c: at c = 1 it is too flat to hold the generator anywhere on data of this scale, at c = 4 all
modes are covered, and at c = 8 it is so steep that modes are lost again.
"""

import argparse

import torch

from steadygan.data.source import Dataset
from steadygan.data.streams import Stream
from steadygan.data.toy import Ring
from steadygan.evaluation import ModeCoverage, Samples
from steadygan.losses import NonSaturating
from steadygan.networks import Mlp, Spec
from steadygan.stabilizers import SpectralNormalization, Stabilizer
from steadygan.training import Method, MovingAverage, Schedule, State, train_steps

Z_DIM, BATCH, RATE, READINGS = 16, 128, 1e-3, 8


def new_state(stabilizer: Stabilizer, seed: int) -> State:
    """Both players before their first step; the same seed gives the same weights whatever the stabilizer."""
    torch.manual_seed(seed)
    architecture = Mlp(width=64, depth_generator=2, depth_discriminator=2)
    networks = architecture.build(Spec(shape=(2,), z_dim=Z_DIM))
    stabilizer.prepare(networks)  # before the optimizers are made
    return State(
        networks=networks,
        average=MovingAverage(networks.generator, decay=0.995),
        optimizers=(
            torch.optim.Adam(networks.discriminator.parameters(), RATE, betas=(0.5, 0.99)),
            torch.optim.Adam(networks.generator.parameters(), RATE, betas=(0.5, 0.99)),
        ),
        schedules=(Schedule(learning_rate=RATE), Schedule(learning_rate=RATE)),
        latent=torch.Generator().manual_seed(seed + 1),
        random=torch.Generator().manual_seed(seed + 2),
        z_dim=Z_DIM,
    )


@torch.no_grad()
def scores(state: State, metric: ModeCoverage) -> dict[str, float]:
    """Modes and share of high-quality samples of the averaged generator, from 2,500 samples (PacGAN's protocol)."""
    points = state.average.generator(torch.randn(2500, Z_DIM, generator=torch.Generator().manual_seed(99)))
    fakes = Samples(points, None, {"head": points})
    return metric.compare(fakes, fakes)  # this metric looks at the fakes only


def play(coefficient: float, seed: int, steps: int, ring: Ring, data: Dataset) -> list[dict[str, float]]:
    """Train once; returns the scores at equal distances."""
    stabilizer = SpectralNormalization(coefficient=coefficient)
    state, stream = new_state(stabilizer, seed), Stream(data, BATCH, seed)
    metric = ModeCoverage(centers=tuple(map(tuple, ring.centers.tolist())), std=ring.std)
    method, every = Method(NonSaturating(), (stabilizer,)), max(steps // READINGS, 1)
    return [scores(state, metric) for record in train_steps(state, stream, method, steps) if record.step % every == 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--coefficients", type=float, nargs="+", default=(1.0, 4.0))
    options = parser.parse_args()
    ring = Ring()  # radius 1, std 0.01
    data = ring.open()
    print(f"modes of 8 that are covered, through {options.steps} steps | share of high-quality samples at the end")
    for coefficient in options.coefficients:
        for seed in range(options.seeds):
            readings = play(coefficient, seed, options.steps, ring, data)
            modes = " ".join(f"{reading['modes']:.0f}" for reading in readings)
            print(f"c = {coefficient:g}  seed {seed}  {modes} | {readings[-1]['high_quality']:.1%}")


if __name__ == "__main__":
    main()
