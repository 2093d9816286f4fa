"""One step of the game. Read this first: it is the whole idea in one page.

A step is `n_critic` discriminator updates and one generator update. Both players see images through the same augmentations
and stabilizers; each minimizes its loss plus the penalties; after each update weights are brought back to where they may be.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.augmentation import Augmentation
from steadygan.game import Batch, Networks, judged
from steadygan.losses import Loss
from steadygan.stabilizers.base import Stabilizer
from steadygan.training.precision import FLOAT32, Precision

Readings = dict[str, Tensor]


@dataclass(frozen=True)
class Method:
    """How the game is played: nothing in here changes while it is played."""

    loss: Loss
    stabilizers: tuple[Stabilizer, ...] = ()
    augmentations: tuple[Augmentation, ...] = ()
    n_critic: int = 1
    precision: Precision = FLOAT32

    def seen(self, batch: Batch) -> Batch:
        """The batch as the discriminator sees it: real and fake through the same augmentations and stabilizers."""
        return replace(batch, real=self.view(batch.real, batch), fake=self.view(batch.fake, batch))

    def view(self, images: Tensor, batch: Batch) -> Tensor:
        """`images` as the discriminator sees them: same shape."""
        for augmentation in self.augmentations:
            images = augmentation.transform(images, batch.random)
        for stabilizer in self.stabilizers:
            images = stabilizer.transform(images, batch)
        return images


def discriminator_step(networks: Networks, batch: Batch, method: Method, optimizer: Optimizer) -> Readings:
    """One discriminator update on `batch`, whose fakes carry no gradient."""
    discriminator = networks.discriminator
    batch = method.seen(batch)
    with method.precision.autocast(batch.real.device):
        real_logits = judged(discriminator, batch.real, batch.label).float()  # [B]
        fake_logits = judged(discriminator, batch.fake, batch.fake_label).float()  # [B]
    terms = {"loss/discriminator": method.loss.discriminator(real_logits, fake_logits)}
    batch = replace(batch, logits=(real_logits, fake_logits), loss=method.loss.discriminator)
    for stabilizer in method.stabilizers:
        add(terms, stabilizer, stabilizer.penalty(discriminator, batch))
    norm = descend(terms, optimizer)
    for stabilizer in method.stabilizers:
        stabilizer.project(discriminator, batch.step)  # spectral normalization refreshes here, all layers together
    return detached({**terms, **logit_readings(real_logits, fake_logits), "grad_norm/discriminator": norm})


def generator_step(networks: Networks, batch: Batch, method: Method, optimizer: Optimizer) -> Readings:
    """One generator update; `batch.fake` is what it just made, with its gradient. The discriminator stays as it is."""
    with frozen(networks.discriminator):
        batch = replace(batch, fake=method.view(batch.fake, batch))
        with method.precision.autocast(batch.real.device):
            fake_logits = judged(networks.discriminator, batch.fake, batch.fake_label).float()  # [B]
            real_logits = fake_logits.detach()
            if method.loss.relativistic:
                real_logits = judged(networks.discriminator, method.view(batch.real, batch), batch.label).float()  # [B]
        terms = {"loss/generator": method.loss.generator(fake_logits, real_logits)}
        for stabilizer in method.stabilizers:
            add(terms, stabilizer, stabilizer.generator_penalty(networks, batch))
        norm = descend(terms, optimizer)
    for stabilizer in method.stabilizers:
        stabilizer.project_generator(networks.generator, batch.step)
    return detached({**terms, "grad_norm/generator": norm})


def descend(terms: Readings, optimizer: Optimizer) -> Tensor:
    """One optimizer step down the sum of all terms; returns the norm of its gradient: -> scalar."""
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(total(terms))
    norm = gradient_norm(optimizer)
    optimizer.step()
    return norm


def add(terms: Readings, stabilizer: Stabilizer, penalty: Tensor | None) -> None:
    """Enter a stabilizer's penalty under its name, where this step has one."""
    if penalty is not None:
        terms[f"penalty/{stabilizer.name}"] = penalty


def total(terms: Readings) -> Tensor:
    """The sum of all terms: -> scalar."""
    return torch.stack(list(terms.values())).sum()


def logit_readings(real_logits: Tensor, fake_logits: Tensor) -> Readings:
    """Mean logits of both batches, their difference with the variance that chance gives it, and the share that a threshold
    at 0 gets right: [B], [B] -> scalars."""
    right = torch.cat([real_logits > 0, fake_logits <= 0]).float().mean()
    (of_real, real), (of_fake, fake) = (torch.var_mean(logits, correction=0) for logits in (real_logits, fake_logits))
    chance = of_real / max(len(real_logits) - 1, 1) + of_fake / max(len(fake_logits) - 1, 1)
    means = {"logit/real": real, "logit/fake": fake, "accuracy/discriminator": right}
    return {**means, "gap/mean": real - fake, "gap/chance": chance}


def gradient_norm(optimizer: Optimizer) -> Tensor:
    """The Euclidean norm of all gradients that an optimizer is about to follow: -> scalar."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return norm_of([parameter.grad for parameter in parameters if parameter.grad is not None])


def norm_of(gradients: list[Tensor]) -> Tensor:
    """The Euclidean norm of all gradients together, in float32 at least, on the device of the first: -> scalar."""
    wide = torch.float64 if gradients[0].dtype == torch.float64 else torch.float32  # 65504 is the end of float16
    norms = [norm.to(gradients[0].device) for norm in torch._foreach_norm(gradients, 2, wide)]
    total_norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return total_norm


def detached(readings: Readings) -> Readings:
    """The same numbers without their graphs; nothing is copied to the host."""
    return {name: value.detach() for name, value in readings.items()}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within it, the network's parameters ask for no gradient: the generator's step pays for its own only."""
    wanted = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in wanted:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in wanted:
            parameter.requires_grad_(True)
