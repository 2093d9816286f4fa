"""Checkpoints: a folder of safetensors, one JSON and one tensors-only file, replaced whole or not at all.

Nothing in it can run code when it is read. A crash at any instant leaves the previous checkpoint whole, because a new one is
written under a temporary name, synced to the disk, and only then takes the old one's place.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from steadygan.errors import CheckpointError
from steadygan.training.loop import State

FORMAT = 1


def save(folder: Path, state: State, notes: Mapping[str, Any]) -> None:
    """Write everything in `state`, and the caller's `notes`, as the checkpoint `folder`.

    Raises:
        OSError: it could not be written, as on a full disk; the previous one is whole.
    """

    def write(place: Path) -> None:
        for name, network in networks_of(state).items():
            save_file({key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}, place / name)
        torch.save(tensors_of(state), place / "optimizers.pt")
        counters = {"format": FORMAT, "step": state.step, "dealt": state.dealt}
        (place / "state.json").write_text(json.dumps({**counters, **notes}, indent=1), encoding="utf-8")

    try:
        replace_folder(folder, write)
    except (SafetensorError, RuntimeError) as error:  # how their writers report a full disk
        raise OSError(str(error).splitlines()[0]) from error


def load(folder: Path, state: State) -> dict[str, Any]:
    """Read a checkpoint into `state`, which was built from the same config; returns the caller's notes.

    Raises:
        CheckpointError: it is missing, damaged, unsafe, or belongs to other networks.
    """
    notes = read_notes(folder)
    for name, network in networks_of(state).items():
        load_weights(folder / name, network)
    tensors = read_tensors(folder / "optimizers.pt")
    try:
        for key, optimizer in zip(("discriminator", "generator"), state.optimizers, strict=True):
            optimizer.load_state_dict(tensors[key])
        state.latent.set_state(tensors["latent"])
        state.random.set_state(tensors["random"])
        torch.set_rng_state(tensors["torch"])
        if torch.cuda.device_count() == len(tensors["cuda"]):
            torch.cuda.set_rng_state_all(tensors["cuda"])
        state.step, state.dealt = int(notes.pop("step")), int(notes.pop("dealt"))
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{folder}: does not fit this config: {error}", "resume with the run's own config") from None
    return notes


def networks_of(state: State) -> dict[str, nn.Module]:
    """File name -> network."""
    return {
        "generator.safetensors": state.networks.generator,
        "discriminator.safetensors": state.networks.discriminator,
        "ema.safetensors": state.average.generator,
    }


def tensors_of(state: State) -> dict[str, Any]:
    """What is not a weight: optimizer states and random streams, as tensors and numbers only."""
    of_discriminator, of_generator = state.optimizers
    return {
        "discriminator": of_discriminator.state_dict(),
        "generator": of_generator.state_dict(),
        "latent": state.latent.get_state(),
        "random": state.random.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def read_notes(folder: Path) -> dict[str, Any]:
    """The counters and notes of a checkpoint."""
    recover(folder)
    path = folder / "state.json"
    if not path.is_file():
        raise CheckpointError(f"{folder}: there is no checkpoint here")
    try:
        notes: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        written = notes.pop("format")
    except (ValueError, KeyError, AttributeError):
        raise CheckpointError(f"{path}: damaged", "use another checkpoint of the run") from None
    if written != FORMAT:
        raise CheckpointError(f"{folder}: written in format {written}, this version reads {FORMAT}")
    return notes


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file."""
    try:
        return load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged ({error})", "use another checkpoint of the run") from None


def load_weights(path: Path, network: nn.Module) -> None:
    """Read a safetensors file into `network`; every name and shape must match."""
    weights = read_weights(path)
    own = network.state_dict()
    for name in own.keys() | weights.keys():
        found, wanted = (list(each[name].shape) if name in each else "nothing" for each in (weights, own))
        if found != wanted:
            problem = f"{path}: written for another network: {name!r} is {found}, this config makes it {wanted}"
            raise CheckpointError(problem, "use the config of the run it came from, or start a new run")
    network.load_state_dict(weights)


def read_tensors(path: Path) -> dict[str, Any]:
    """The tensors-only file; anything in it that is not a tensor or a plain value is refused, not run."""
    try:
        tensors: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except Exception as error:  # a damaged or hostile file can make the reader fail in any way
        what = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path}: damaged, or holds something other than tensors; refused ({what})") from None
    return tensors


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder, then put it in the place of `folder`; a failure leaves the old one and no rest."""
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    recover(folder)
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        write(new)
        for path in [*new.iterdir(), new]:
            sync(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Finish a replacement that a crash cut short between its two renames."""
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    if old.exists() and not folder.exists():
        (new if new.exists() else old).rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file or directory is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_checkpoint(source: Path, target: Path) -> None:
    """Make `target` the same checkpoint as `source`, sharing its files where the disk can: they are never written to again."""

    def write(place: Path) -> None:
        for path in source.iterdir():
            try:
                os.link(path, place / path.name)
            except OSError:
                shutil.copy2(path, place / path.name)

    replace_folder(target, write)


def size_of(state: State) -> int:
    """Bytes that one checkpoint takes, estimated from the weights: each is stored once, and twice in Adam's moments."""
    weights = [sum(p.numel() * p.element_size() for p in network.parameters()) for network in networks_of(state).values()]
    return sum(weights) + 2 * sum(weights[:2])
