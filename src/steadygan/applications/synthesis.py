"""Synthesis: samples from a run, as files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from steadygan.custom import read_config
from steadygan.data.source import Dataset
from steadygan.directory import RunDirectory
from steadygan.errors import UsageError
from steadygan.images import grid, write_png
from steadygan.networks.base import Spec
from steadygan.sampling import images_of, picture, truncated_normal
from steadygan.training.checkpoint import load_weights, read_notes

FORMS = ("png", "grid", "npz")


@dataclass(frozen=True)
class Order:
    """What is wanted.

    Attributes:
        n: how many.
        form: `png` (one file each), `grid` (one picture) or `npz` (uint8 [N, C, H, W] `images`, int64 `labels`).
        label: a class by number or name; None takes all in turn.
        truncation: bound of every latent entry; None draws from the whole normal distribution.
        checkpoint: which.
    """

    n: int = 64
    form: str = "png"
    label: str | None = None
    seed: int = 0
    truncation: float | None = None
    checkpoint: str = "last"


@dataclass(frozen=True)
class Sampler:
    """A run's averaged generator, ready to draw from."""

    generator: torch.nn.Module
    z_dim: int
    shape: tuple[int, ...]
    class_names: tuple[str, ...]

    @classmethod
    def of(cls, run: Path, checkpoint: str = "last") -> "Sampler":
        """The generator of a run's checkpoint; the data are not needed.

        Raises:
            UsageError: there is no run.
            CheckpointError: there is no such checkpoint, or it is damaged.
        """
        directory = RunDirectory(run)
        config, folder = read_config(directory), directory.checkpoint(checkpoint)
        notes = read_notes(folder)
        shape, names = tuple(notes["shape"]), tuple(notes["class_names"])
        networks = config.network.build(Spec(shape=shape, n_classes=len(names), z_dim=config.z_dim))
        load_weights(folder / "ema.safetensors", networks.generator)
        return cls(networks.generator.eval(), config.z_dim, shape, names)

    def labels(self, n: int, label: str | None) -> Tensor | None:
        """The classes to ask for: one, or all in turn; None without classes: -> [n] int64 or None."""
        if not self.class_names:
            if label is not None:
                raise UsageError("--label: this run has no classes", "leave --label out")
            return None
        if label is None:
            return torch.arange(n) % len(self.class_names)
        if label in self.class_names:
            return torch.full((n,), self.class_names.index(label))
        if not label.isdigit() or int(label) >= len(self.class_names):
            raise UsageError(f"--label: there is no class {label!r}", f"classes: {numbered(self.class_names)}")
        return torch.full((n,), int(label))

    def draw(self, order: Order) -> tuple[Tensor, Tensor | None]:
        """Examples as a data set holds them, and their classes."""
        label = self.labels(order.n, order.label)
        z = truncated_normal(order.n, self.z_dim, order.truncation, order.seed)
        return images_of(self.generator, z, label), label


def numbered(names: tuple[str, ...]) -> str:
    """`0 circle, 1 square`."""
    return ", ".join(f"{index} {name}" for index, name in enumerate(names))


def sample(run: Path, out: Path, order: Order) -> Path:
    """Draw samples from a run and write them; returns where they are.

    Raises:
        UsageError: the order makes no sense, or `out` cannot be written to.
    """
    if order.form not in FORMS:
        raise UsageError(f"--format: there is no {order.form!r}", f"known: {', '.join(FORMS)}")
    if order.truncation is not None and order.truncation <= 0:
        raise UsageError(f"--truncation: must be above 0, got {order.truncation}")
    sampler = Sampler.of(run, order.checkpoint)
    examples, label = sampler.draw(order)
    if examples.ndim != 4 and order.form == "png":
        raise UsageError("--format: this run makes points, not images", "use --format npz or grid")
    try:
        return write(examples, label, sampler, out, order)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written to ({error.strerror})", "name another --out") from None


def write(examples: Tensor, label: Tensor | None, sampler: Sampler, out: Path, order: Order) -> Path:
    """Write samples in the form ordered."""
    if order.form == "png":
        out.mkdir(parents=True, exist_ok=True)
        for index, image in enumerate(examples):
            write_png(out / file_name(index, label, sampler.class_names), image)
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    if order.form == "grid":
        sheet = picture(examples, None, Dataset("", examples)) if examples.ndim != 4 else grid(examples)
        write_png(out, sheet)
        return out
    if label is None:
        np.savez_compressed(out, images=examples.numpy())
    else:
        np.savez_compressed(out, images=examples.numpy(), labels=label.numpy())
    return out if out.suffix == ".npz" else out.with_name(out.name + ".npz")


def file_name(index: int, label: Tensor | None, class_names: tuple[str, ...]) -> str:
    """`000012-3-dress.png`, or `000012.png` without classes."""
    if label is None:
        return f"{index:06d}.png"
    k = int(label[index])
    safe = "".join(letter if letter.isalnum() else "_" for letter in class_names[k])
    return f"{index:06d}-{k}-{safe}.png"
