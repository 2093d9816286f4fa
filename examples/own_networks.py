"""Your own networks in our training loop: any two modules that take and return what the loop says, on the embedded data.

    python examples/own_networks.py --steps 300 --out samples.png

The generator is called as `(z [B, Z], label [B] or None) -> [B, C, H, W]` in [-1, 1], the discriminator as
`(images, label) -> logits [B]`. Nothing here needs a config, a file or a run directory.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from steadygan.data import source_for
from steadygan.data.streams import Stream
from steadygan.game import Networks
from steadygan.images import contact_sheet, to_uint8, write_png
from steadygan.losses import Hinge
from steadygan.stabilizers import SpectralNormalization
from steadygan.training import Method, MovingAverage, Schedule, State, train_steps

Z_DIM, N_CLASSES, WIDTH, RATE = 64, 10, 32, 1e-3


class MyGenerator(nn.Module):
    """Latent and class embedding to 28x28 grey images."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(N_CLASSES, Z_DIM)
        self.enter = nn.Linear(2 * Z_DIM, 4 * WIDTH * 7 * 7)
        self.body = nn.Sequential(
            *(nn.BatchNorm2d(4 * WIDTH), nn.ReLU(), nn.ConvTranspose2d(4 * WIDTH, 2 * WIDTH, 4, stride=2, padding=1)),
            *(nn.BatchNorm2d(2 * WIDTH), nn.ReLU(), nn.ConvTranspose2d(2 * WIDTH, 1, 4, stride=2, padding=1), nn.Tanh()),
        )

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """[B, Z], [B] -> [B, 1, 28, 28]."""
        features = self.enter(torch.cat([z, self.embedding(label)], dim=1))
        images: Tensor = self.body(features.view(-1, 4 * WIDTH, 7, 7))
        return images


class MyDiscriminator(nn.Module):
    """Images to one logit, plus the inner product with a class embedding (Miyato & Koyama 2018, arXiv:1802.05637)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 2 * WIDTH, 4, stride=2, padding=1), nn.LeakyReLU(0.1)),
            *(nn.Conv2d(2 * WIDTH, 4 * WIDTH, 4, stride=2, padding=1), nn.LeakyReLU(0.1), nn.Flatten()),
        )
        self.head = nn.Linear(4 * WIDTH * 7 * 7, 1)
        self.embedding = nn.Embedding(N_CLASSES, 4 * WIDTH * 7 * 7)

    def forward(self, images: Tensor, label: Tensor) -> Tensor:
        """[B, 1, 28, 28], [B] -> [B]: flat, because [B, 1] - [B] would broadcast in silence."""
        features = self.body(images)
        logits: Tensor = self.head(features).flatten() + (features * self.embedding(label)).sum(1)
        return logits


def new_state(networks: Networks, seed: int) -> State:
    """Everything that changes while training, before the first step."""
    return State(
        networks=networks,
        average=MovingAverage(networks.generator, decay=0.99),
        optimizers=(
            torch.optim.Adam(networks.discriminator.parameters(), RATE, betas=(0.5, 0.9)),
            torch.optim.Adam(networks.generator.parameters(), RATE, betas=(0.5, 0.9)),
        ),
        schedules=(Schedule(learning_rate=RATE), Schedule(learning_rate=RATE)),
        latent=torch.Generator().manual_seed(seed + 1),
        random=torch.Generator().manual_seed(seed + 2),
        z_dim=Z_DIM,
        n_classes=N_CLASSES,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("samples.png"))
    options = parser.parse_args()

    torch.manual_seed(0)
    networks = Networks(MyGenerator(), MyDiscriminator())
    stabilizer = SpectralNormalization()
    stabilizer.prepare(networks)  # before the optimizers are made
    data = source_for("fashion-mnist-test").open()
    state, stream = new_state(networks, seed=0), Stream(data, options.batch_size)

    for record in train_steps(state, stream, Method(Hinge(), (stabilizer,)), options.steps):
        if record.step % 50 == 0 or record.step == options.steps:
            real, fake = (record.readings[f"logit/{side}"].item() for side in ("real", "fake"))
            print(f"step {record.step}  {record.images_seen} images  logits real {real:+.2f} fake {fake:+.2f}")

    label = torch.arange(N_CLASSES).repeat_interleave(10)
    with torch.no_grad():
        images = to_uint8(state.average.generator(torch.randn(len(label), Z_DIM), label))
    write_png(options.out, contact_sheet(images, label, data.class_names))
    print(f"samples of the averaged generator in {options.out}")


if __name__ == "__main__":
    main()
