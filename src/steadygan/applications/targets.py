"""What `audit` is pointed at: a class or function of one's own, a run, a checkpoint, a file of weights."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.custom import read_config
from steadygan.directory import RunDirectory
from steadygan.errors import CheckpointError, UsageError
from steadygan.networks.base import Spec
from steadygan.overrides import assign
from steadygan.parts import near_miss
from steadygan.training.checkpoint import load_weights, read_notes

FORMS = "a run's directory, a checkpoint, a .safetensors or .pt file, pkg.module:Class or file.py:Class"
DEEPEST = 4  # levels of a checkpoint's dictionaries that are looked into
State = dict[str, Tensor]


@dataclass(frozen=True)
class Target:
    """One network, or the weights of one.

    Attributes:
        name: by which its audit is shown.
        network: the module, or its tensors where there is only a file.
        input_shape: of one sample, where the target knows it.
        optimizer, loss: what trains it, where the target knows.
    """

    name: str
    network: nn.Module | State
    input_shape: tuple[int, ...] | None = None
    optimizer: Optimizer | None = None
    loss: str | None = None


def targets_of(place: str, player: str = "both", checkpoint: str = "last", settings: Sequence[str] = ()) -> list[Target]:
    """The networks that a target names.

    Args:
        place: one of `FORMS`.
        player: of a run: generator, discriminator or both.
        checkpoint: of a run.
        settings: `name=value`, for a class or function.

    Raises:
        UsageError: nothing is there, it is damaged or unsafe, or it cannot be built.
    """
    path = Path(place).expanduser()
    try:
        if path.is_dir():
            return in_directory(path, player, checkpoint)
        if path.is_file() and path.suffix != ".py":
            return in_file(path)
    except CheckpointError as error:
        raise UsageError(error.problem, error.hint) from None
    if ":" in place:
        return [Target("network", built(place, settings))]
    what = "a Python file: name what is in it" if path.is_file() else "there is no such file or directory"
    raise UsageError(f"{place}: {what}", f"give {place}:Class" if path.is_file() else f"give {FORMS}")


def in_directory(path: Path, player: str, checkpoint: str) -> list[Target]:
    """The players of a run, or the files of a checkpoint that belongs to none."""
    if RunDirectory(path).config.is_file():
        return players(path, player, checkpoint)
    run = path.resolve().parent.parent
    if (path / "state.json").is_file() and RunDirectory(run).config.is_file():
        return players(run, player, path.resolve().name)
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise UsageError(f"{path}: there is no run and no checkpoint here", f"give {FORMS}")
    return [target for file in files for target in in_file(file)]


def players(run: Path, player: str, checkpoint: str) -> list[Target]:
    """A run's networks as they were trained, with their optimizers."""
    config, folder = read_config(RunDirectory(run)), RunDirectory(run).checkpoint(checkpoint)
    notes = read_notes(folder)
    shape = tuple(notes["shape"])
    networks = config.network.build(Spec(shape=shape, n_classes=len(notes["class_names"]), z_dim=config.z_dim))
    for stabilizer in config.stabilizers:
        stabilizer.prepare(networks)
    known = {"discriminator": (networks.discriminator, shape), "generator": (networks.generator, (config.z_dim,))}
    found = []
    for name, (network, input_shape) in known.items():
        if player in (name, "both"):
            load_weights(folder / f"{name}.safetensors", network)
            optimizer = getattr(config, name).optimizer.build(network.parameters())
            loss = config.loss.name if name == "discriminator" else None
            found.append(Target(name, network, input_shape, optimizer, loss))
    return found


def in_file(path: Path) -> list[Target]:
    """The tensors in a file, each dictionary of them on its own."""
    contents = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    found = list(dictionaries(contents))
    if not found:
        raise UsageError(f"{path}: holds no named tensors", "save a network's state_dict()")
    return [Target(".".join([path.name, *keys]), state) for keys, state in found]


def read_safetensors(path: Path) -> State:
    """The tensors in a safetensors file."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(f"{path}: damaged, or no safetensors file ({error})") from None


def read_torch(path: Path) -> Any:
    """What is in a file that torch wrote: tensors and plain values only. Code in it is refused, not run."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file can make the reader fail in any way
        what = (str(error) or type(error).__name__).splitlines()[0]
        hint = "save the network's state_dict(), or point audit at its class"
        raise UsageError(f"{path}: damaged, or holds something other than tensors; refused ({what[:160]})", hint) from None


def dictionaries(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], State]]:
    """Every dictionary of named tensors in a checkpoint, with the keys that lead to it; optimizers number theirs."""
    if not isinstance(value, Mapping) or len(keys) > DEEPEST:
        return
    if own := {key: item for key, item in value.items() if isinstance(key, str) and isinstance(item, Tensor)}:
        yield keys, own
    for key, item in value.items():
        if isinstance(key, str):
            yield from dictionaries(item, (*keys, key))


def built(reference: str, settings: Sequence[str]) -> nn.Module:
    """The network that `pkg.module:Class` or `file.py:function` makes. Runs the user's own code."""
    place, _, name = reference.rpartition(":")
    arguments: dict[str, Any] = {}
    for setting in settings:
        assign(arguments, setting)
    with importable(Path(place).expanduser().parent if place.endswith(".py") else Path.cwd()):
        source = imported(place)
        if not hasattr(source, name):
            known = [each for each in vars(source) if not each.startswith("_")]
            raise UsageError(f"{reference}: there is no {name!r} in {place}", near_miss(name, known).strip())
        made = getattr(source, name)
        if callable(made) and not isinstance(made, nn.Module):
            made = called(made, arguments, reference)
    if not isinstance(made, nn.Module):
        raise UsageError(f"{reference}: expected a torch.nn.Module, got {type(made).__name__}", "return the network alone")
    return made


def called(make: Any, arguments: Mapping[str, Any], reference: str) -> Any:
    """What a class or function gives."""
    try:
        return make(**arguments)
    except Exception as error:  # the user's code can fail in any way
        hint = "pass arguments with --set name=value; --traceback tells where it failed"
        raise UsageError(f"{reference}: cannot be built: {type(error).__name__}: {error}", hint) from error


def imported(place: str) -> ModuleType:
    """The Python module of that name, or in that file."""
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        file = Path(place).expanduser()
        if not file.is_file():
            raise UsageError(f"{place}: there is no such file", f"give {FORMS}")
        spec = importlib.util.spec_from_file_location(f"steadygan_audited_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # the user's code can fail in any way
        hint = "run it where the package can be imported; --traceback tells where it failed"
        raise UsageError(f"{place}: cannot be imported: {type(error).__name__}: {error}", hint) from error
    return module


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Within it, Python finds modules in `folder` first."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
