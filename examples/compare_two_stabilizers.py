"""Two runs side by side: spectral normalization with c = 1 and with c = 8, on eight Gaussians in a ring.

    python examples/compare_two_stabilizers.py --steps 3000 --seeds 3

Everything but the coefficient is equal: networks, first weights, data order, latents. With c = 1 each layer is at most
1-Lipschitz, and on data of this scale the discriminator is too flat to hold the generator anywhere.
"""

import argparse

import torch

from steadygan.data.source import Dataset
from steadygan.data.streams import Stream
from steadygan.data.toy import Ring
from steadygan.evaluation.base import Samples
from steadygan.evaluation.modes import ModeCoverage
from steadygan.losses import NonSaturating
from steadygan.networks import Mlp, Spec
from steadygan.stabilizers import SpectralNormalization, Stabilizer
from steadygan.training import Method, MovingAverage, Schedule, State, train_steps

Z_DIM, RATE, READINGS = 16, 1e-3, 6


def new_state(stabilizer: Stabilizer, seed: int) -> State:
    """Both players before their first step; the same seed gives the same weights whatever the stabilizer."""
    torch.manual_seed(seed)
    networks = Mlp(width=128).build(Spec(shape=(2,), z_dim=Z_DIM))
    stabilizer.prepare(networks)  # before the optimizers are made
    players = (networks.discriminator, networks.generator)
    return State(
        networks=networks,
        average=MovingAverage(networks.generator, decay=0.995),
        optimizers=tuple(torch.optim.Adam(player.parameters(), RATE, betas=(0.5, 0.9)) for player in players),
        schedules=(Schedule(learning_rate=RATE), Schedule(learning_rate=RATE)),
        latent=torch.Generator().manual_seed(seed + 1),
        random=torch.Generator().manual_seed(seed + 2),
        z_dim=Z_DIM,
    )


@torch.no_grad()
def scores(state: State, metric: ModeCoverage) -> dict[str, float]:
    """Modes and share of high-quality samples of the averaged generator, from 2,500 samples (PacGAN's protocol)."""
    z = torch.randn(2500, Z_DIM, generator=torch.Generator().manual_seed(99))
    points = state.average.generator(z)
    fakes = Samples(points, None, {"head": points})
    return metric.compare(fakes, fakes)  # this metric looks at the fakes only


def play(coefficient: float, seed: int, steps: int, ring: Ring, data: Dataset) -> list[dict[str, float]]:
    """Train once; returns the scores at equal distances."""
    stabilizer = SpectralNormalization(coefficient=coefficient)
    state = new_state(stabilizer, seed)
    metric = ModeCoverage(centers=ring.centers.tolist(), std=ring.std)
    method = Method(NonSaturating(), (stabilizer,))
    every = max(steps // READINGS, 1)
    stream = Stream(data, 256, seed)
    return [scores(state, metric) for record in train_steps(state, stream, method, steps) if record.step % every == 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    ring = Ring()
    data = ring.open()
    print(f"modes of 8 that are covered, through {options.steps} steps | share of high-quality samples at the end")
    for coefficient in (1.0, 8.0):
        for seed in range(options.seeds):
            readings = play(coefficient, seed, options.steps, ring, data)
            modes = " ".join(f"{reading['modes']:.0f}" for reading in readings)
            print(f"c = {coefficient:.0f}  seed {seed}  {modes} | {readings[-1]['high_quality']:.1%}")


if __name__ == "__main__":
    main()
