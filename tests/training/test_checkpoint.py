import copy
import os
import pickle

import pytest
import torch

from steadygan.errors import CheckpointError
from steadygan.losses import Hinge
from steadygan.stabilizers import SpectralNormalization
from steadygan.training import Method, train_steps
from steadygan.training.checkpoint import copy_checkpoint, load, networks_of, replace_folder, save

METHOD = Method(Hinge(), (SpectralNormalization(on="both"),))


@pytest.fixture
def played(networks, stream, new_state):
    """A state after three steps, and another of the same making that was never played."""
    METHOD.stabilizers[0].prepare(networks)
    twin = new_state(copy.deepcopy(networks), learning_rate=1e-3)
    state = new_state(networks, learning_rate=1e-3)
    list(train_steps(state, stream, METHOD, 3))
    return state, twin


def everything(state):
    return {
        f"{name}/{key}": value.clone() for name, net in networks_of(state).items() for key, value in net.state_dict().items()
    }


def test_going_on_from_a_checkpoint_is_going_on(played, stream, tmp_path):
    state, twin = played
    save(tmp_path / "last", state, {"seconds": 1.5})
    assert load(tmp_path / "last", twin) == {"seconds": 1.5}
    for each in (state, twin):
        list(train_steps(each, stream, METHOD, 6))
    first, second = everything(state), everything(twin)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_nothing_is_left_of_a_write_that_failed(played, tmp_path, monkeypatch):
    state, twin = played
    save(tmp_path / "last", state, {})

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path / "last", state, {})
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["last"]
    load(tmp_path / "last", twin)


@pytest.mark.parametrize("kept", ["new", "old", "both"])
def test_a_crash_between_the_two_renames_is_mended(played, tmp_path, kept):
    state, twin = played
    save(tmp_path / "last", state, {})
    (tmp_path / "last").rename(tmp_path / ".last.old")
    if kept != "old":
        copy_checkpoint(tmp_path / ".last.old", tmp_path / ".last.new")
    load(tmp_path / "last", twin)
    assert twin.step == 3


@pytest.mark.parametrize("name", ["generator.safetensors", "ema.safetensors", "optimizers.pt", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "missing"])
def test_damage_is_named(played, tmp_path, name, damage):
    state, twin = played
    save(tmp_path / "last", state, {})
    path = tmp_path / "last" / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(CheckpointError, match=name if name != "state.json" else "last"):
        load(tmp_path / "last", twin)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil-was-run",)


def test_pickled_code_is_refused_and_not_run(played, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state, twin = played
    save(tmp_path / "last", state, {})
    for content in (pickle.dumps(Evil()), None):
        if content is None:
            torch.save({"discriminator": Evil()}, tmp_path / "last" / "optimizers.pt")
        else:
            (tmp_path / "last" / "optimizers.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"optimizers\.pt: damaged"):
            load(tmp_path / "last", twin)
    assert not (tmp_path / "evil-was-run").exists()


def test_another_network_is_refused(played, tmp_path):
    state, twin = played
    save(tmp_path / "last", state, {})
    twin.networks.discriminator.head = torch.nn.Linear(36, 2)
    with pytest.raises(CheckpointError, match=r"'head.*' is .*, this config makes it"):
        load(tmp_path / "last", twin)


def test_a_copy_shares_its_files_and_outlives_the_original(played, tmp_path):
    state, twin = played
    save(tmp_path / "last", state, {})
    copy_checkpoint(tmp_path / "last", tmp_path / "safe")
    save(tmp_path / "last", state, {"newer": 1})
    assert load(tmp_path / "safe", twin) == {}


def test_replacing_keeps_the_old_one_until_the_new_one_is_whole(tmp_path):
    replace_folder(tmp_path / "x", lambda place: (place / "a").write_text("1"))

    def fails(place):
        (place / "a").write_text("2")
        raise RuntimeError("torn")

    with pytest.raises(RuntimeError, match="torn"):
        replace_folder(tmp_path / "x", fails)
    assert (tmp_path / "x" / "a").read_text() == "1"
