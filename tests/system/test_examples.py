"""Every example runs, at tiny size, and says what it promises to say."""

import importlib.util
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import steadygan
from steadygan.history import History
from steadygan.networks import Dcgan, Spec
from steadygan.spectral import weights
from steadygan.stabilizers import STABILIZERS

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = {
    "own_loop": ["--steps", "3"],
    "own_networks": ["--steps", "2", "--batch-size", "4", "--out", "samples.png"],
    "own_stabilizer": ["--steps", "3", "--n", "8", "--out", "run"],
    "compare_two_stabilizers": ["--steps", "8", "--coefficients", "1", "4"],
    "lightning_callback": ["--steps", "12", "--every", "4", "--out", "run"],
    "accelerate_loop": ["--steps", "12", "--every", "4", "--out", "run"],
}


@pytest.fixture
def play(monkeypatch, tmp_path, capsys):
    """Runs an example in an empty directory, as from the command line: name -> what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(name: str) -> str:
        monkeypatch.setattr("sys.argv", [f"{name}.py", *TINY[name]])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_none_is_left_out_and_none_is_long():
    examples = {path.stem: path for path in EXAMPLES.glob("*.py")}
    assert set(examples) == set(TINY)
    for path in examples.values():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 120, f"{path.name} has more than one purpose"


def test_own_loop(play):
    assert "step 3  modes" in play("own_loop")


def test_own_networks(play, tmp_path):
    assert "step 2  8 images" in play("own_networks")
    with Image.open(tmp_path / "samples.png") as sheet:
        assert sheet.height >= 10 * 28


def test_own_stabilizer(play, tmp_path):
    printed = play("own_stabilizer")
    assert "step 3  largest singular value of D" in printed
    assert (tmp_path / "run" / "report.html").is_file()
    assert steadygan.resume(tmp_path / "run", steps=5).step == 5


def test_own_stabilizer_holds_its_bound():
    """No row of any discriminator weight is longer than the bound, but for rounding in float32 over at most 1152 entries."""
    discriminator = Dcgan(width=8).build(Spec(shape=(1, 16, 16))).discriminator
    stabilizer = STABILIZERS.build({"name": f"{EXAMPLES / 'own_stabilizer.py'}:MaxNorm", "bound": 0.5})
    before = [weight.value.flatten(1).norm(dim=1).max() for weight in weights(discriminator)]
    assert max(before) > 0.5
    stabilizer.project(discriminator, 0)
    for weight in weights(discriminator):
        assert weight.value.flatten(1).norm(dim=1).max() <= 0.5 * (1 + 1e-5)
        assert torch.isfinite(weight.value).all()


def test_compare_two_stabilizers(play):
    lines = play("compare_two_stabilizers").splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["c = 1", "c = 4"]
    assert all(len(line.split("  ")[2].split(" | ")[0].split()) == 8 for line in lines[1:])


@pytest.mark.parametrize(("name", "library"), [("lightning_callback", "lightning"), ("accelerate_loop", "accelerate")])
def test_other_libraries_loops(name, library, tmp_path):
    """In a process of its own: the warnings of other libraries are not ours to mend."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *TINY[name]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "step 12: WARMING-UP" in done.stdout
    history = History.read(tmp_path / "run" / "history.jsonl")
    assert history.steps("logit/real").tolist() == [4, 8, 12]
    assert {"loss/generator", "diversity/pairwise_ratio", "grad_norm/generator", "cost/monitor"} <= set(history.names())
