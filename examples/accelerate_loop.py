"""Accelerate: its usual loop on one process or many, watched by the first one, stopped by all when the verdict is a failure.

    pip install accelerate
    accelerate launch examples/accelerate_loop.py --steps 2000 --out runs/accelerate

Each line that watches is marked with an arrow. The prepared networks go in as they are, wrapped or not.
"""

import argparse
import math

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.data import DataLoader, TensorDataset

from steadygan import Monitor

Z_DIM = 16


def networks() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of points."""
    act, sn = nn.LeakyReLU(0.2), spectral_norm
    generator = nn.Sequential(nn.Linear(Z_DIM, 64), act, nn.Linear(64, 64), act, nn.Linear(64, 2))
    return generator, nn.Sequential(sn(nn.Linear(2, 64)), act, sn(nn.Linear(64, 64)), act, sn(nn.Linear(64, 1)))


def ring(n: int) -> TensorDataset:
    """n points of eight Gaussians."""
    angle = torch.randint(8, (n,)) * math.pi / 4
    return TensorDataset(torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2))


def batches(loader: DataLoader, steps: int):
    """(step, batch) for steps 1 to `steps`, over as many epochs as it takes."""
    step = 0
    while True:
        for (batch,) in loader:
            step += 1
            yield step, batch
            if step == steps:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--out", default="runs/accelerate")
    options = parser.parse_args()

    accelerator = Accelerator()
    set_seed(0)
    generator, discriminator = networks()
    of_g, of_d = (torch.optim.Adam(each.parameters(), 1e-3, (0.5, 0.99)) for each in (generator, discriminator))
    loader = DataLoader(ring(8192), batch_size=128, shuffle=True, drop_last=True)
    prepared = accelerator.prepare(generator, discriminator, of_g, of_d, loader)
    generator, discriminator, of_g, of_d, loader = prepared
    if accelerator.is_main_process:
        monitor = Monitor(generator, discriminator, options.out, every=options.every)  # <-

    for step, real in batches(loader, options.steps):
        fake = generator(torch.randn(len(real), Z_DIM, device=real.device))
        # both batches at once: a distributed network is called once for each backward pass
        real_logits, fake_logits = discriminator(torch.cat([real, fake.detach()])).chunk(2)
        loss_d = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        of_d.zero_grad()
        accelerator.backward(loss_d)
        of_d.step()
        loss_g = softplus(-discriminator(fake)).mean()
        of_g.zero_grad()
        accelerator.backward(loss_g)
        of_g.step()

        if accelerator.is_main_process:
            losses = {"loss/discriminator": loss_d, "loss/generator": loss_g}
            given = {"real_logits": real_logits, "fake_logits": fake_logits, "fake": fake, "real": real, "scalars": losses}
            if monitor.step(**given).failed:  # <-
                accelerator.set_trigger()
        if step % options.every == 0 and accelerator.check_trigger():  # seldom: all processes wait for one another
            break

    if accelerator.is_main_process:
        print(monitor.verdict)  # <-
        print(f"watching took {monitor.cost:.1%} of the time; draw it with `steadygan report {options.out}`")
    accelerator.end_training()


if __name__ == "__main__":
    main()
