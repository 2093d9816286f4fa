"""Lightning: a callback that watches a GAN and stops the fit when the verdict is a failure.

    pip install lightning
    python examples/lightning_callback.py --steps 2000 --out runs/lightning

`Watch` is all that there is to copy. The module must return from `training_step` what is to be watched, under the names that
`Monitor.step` has. The one here is small, on eight Gaussians, with manual optimization as Lightning asks of GANs.
"""

import argparse
import math

import lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.data import DataLoader, TensorDataset

from steadygan import Monitor

Z_DIM = 16


class Watch(lightning.Callback):
    """Measures and judges what `training_step` returns. The step count goes with Lightning's own checkpoints.

    Args:
        out: the directory to write to.
        settings: of the monitor, such as `every`.
    """

    def __init__(self, out: str, **settings: float) -> None:
        self.out, self.settings = out, settings
        self.monitor: Monitor | None = None
        self.resumed: int | None = None

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.monitor = Monitor(pl_module.generator, pl_module.discriminator, self.out, **self.settings)
        if self.resumed is not None:
            self.monitor.rewind(self.resumed)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        verdict = self.monitor.step(**outputs)
        if (trainer.fit_loop.total_batch_idx + 1) % self.monitor.every == 0:  # seldom: all processes wait for one another
            trainer.should_stop |= trainer.strategy.reduce_boolean_decision(verdict.failed, all=False)

    def state_dict(self) -> dict[str, int]:
        return {"steps": self.monitor.steps}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.resumed = state_dict["steps"]


class Game(lightning.LightningModule):
    """A GAN on points."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        act, linear = nn.LeakyReLU(0.2), lambda n, m: spectral_norm(nn.Linear(n, m))
        self.generator = nn.Sequential(nn.Linear(Z_DIM, 64), act, nn.Linear(64, 64), act, nn.Linear(64, 2))
        self.discriminator = nn.Sequential(linear(2, 64), act, linear(64, 64), act, linear(64, 1))

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.Adam(each.parameters(), 1e-3, (0.5, 0.99)) for each in (self.generator, self.discriminator)]

    def training_step(self, batch: list[Tensor], batch_idx: int) -> dict[str, object]:
        of_generator, of_discriminator = self.optimizers()
        (real,) = batch
        fake = self.generator(torch.randn(len(real), Z_DIM, device=self.device))
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake.detach())
        loss_d = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        of_discriminator.zero_grad()
        self.manual_backward(loss_d)
        of_discriminator.step()
        loss_g = softplus(-self.discriminator(fake)).mean()
        of_generator.zero_grad()
        self.manual_backward(loss_g)
        of_generator.step()
        losses = {"loss/discriminator": loss_d.detach(), "loss/generator": loss_g.detach()}
        return {"real_logits": real_logits, "fake_logits": fake_logits, "fake": fake, "real": real, "scalars": losses}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--out", default="runs/lightning")
    options = parser.parse_args()
    lightning.seed_everything(0)
    angle = torch.randint(8, (8192,)) * math.pi / 4
    points = torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(8192, 2)
    watch = Watch(options.out, every=options.every)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = lightning.Trainer(max_epochs=-1, max_steps=2 * options.steps, callbacks=[watch], **quiet)  # two updates a step
    trainer.fit(Game(), DataLoader(TensorDataset(points), batch_size=128, shuffle=True, drop_last=True))
    print(watch.monitor.verdict)
    print(f"watching took {watch.monitor.cost:.1%} of the time; draw it with `steadygan report {options.out}`")


if __name__ == "__main__":
    main()
