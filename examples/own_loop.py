"""Your own loop: a plain PyTorch GAN on eight Gaussians in a ring, with spectral normalization added in one line.

    python examples/own_loop.py --steps 4000

Only `steadygan.spectral` is used. The line is marked with an arrow.
"""

import argparse
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from steadygan.spectral import spectral_norm

STD, Z_DIM, BATCH = 0.01, 16, 128  # the ring of Lin et al. 2018, arXiv:1712.04086: radius 1, std 0.01
CENTERS = torch.tensor([[math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)] for k in range(8)])


def real_points(n: int) -> Tensor:
    """n points of the ring: -> [n, 2]."""
    return CENTERS[torch.randint(8, (n,))] + STD * torch.randn(n, 2)


def network(n_in: int, n_out: int, activation: nn.Module, width: int = 64) -> nn.Sequential:
    """Two hidden layers: [B, n_in] -> [B, n_out]."""
    return nn.Sequential(
        *(nn.Linear(n_in, width), activation, nn.Linear(width, width), activation),
        nn.Linear(width, n_out),
    )


def coverage(points: Tensor) -> tuple[int, float]:
    """Modes that have a sample within 3 std, and the share of samples that are so near to some mode: [N, 2] -> (0..8, 0..1)."""
    distance, mode = torch.cdist(points, CENTERS).min(1)
    good = distance <= 3 * STD
    return len(mode[good].unique()), good.float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--coefficient", type=float, default=4.0, help="c in c * W / sigma; try 1 and 8")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    generator, discriminator = network(Z_DIM, 2, nn.ReLU()), network(2, 1, nn.LeakyReLU(0.2))
    norm = spectral_norm(discriminator, coefficient=options.coefficient)  # <- before the optimizer is made
    average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    of_generator = torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.99))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), 1e-3, betas=(0.5, 0.99))
    rates = [LambdaLR(each, lambda n: min(1, 2 - 2 * n / options.steps)) for each in (of_generator, of_discriminator)]

    for step in range(1, options.steps + 1):
        fake = generator(torch.randn(BATCH, Z_DIM)).detach()
        loss = F.softplus(-discriminator(real_points(BATCH))).mean() + F.softplus(discriminator(fake)).mean()
        of_discriminator.zero_grad()
        loss.backward()
        of_discriminator.step()

        loss = F.softplus(-discriminator(generator(torch.randn(BATCH, Z_DIM)))).mean()
        of_generator.zero_grad()
        loss.backward()
        of_generator.step()
        average.update_parameters(generator)
        for rate in rates:  # held for half of the steps, then brought to 0 in a line
            rate.step()

        if step % 500 == 0 or step == options.steps:
            with torch.no_grad():
                modes, share = coverage(average(torch.randn(2500, Z_DIM)))
            stored = max(norm.sigma.values())
            print(f"step {step}  modes {modes}/8  high quality {share:.1%}  largest stored sigma {stored:.2f}")


if __name__ == "__main__":
    main()
