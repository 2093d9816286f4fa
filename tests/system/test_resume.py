"""Resuming is going on: 2N steps in one go and N + N leave the same files, bit for bit."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from steadygan.config import Config
from steadygan.launch import reopen, resume, start, train

TIMES = ("time/", "speed/", "memory/")


def small(steps: int = 12, **changes: object) -> Config:
    settings = {
        "data": {"name": "shapes", "count": 200},
        "resolution": 8,
        "steps": steps,
        "batch_size": 8,
        "z_dim": 8,
        "network": {"name": "dcgan", "width": 4},
        "stabilizers": ["spectral_norm", {"name": "r1", "every": 3}, {"name": "instance_noise"}],
        "augmentations": ["diffaugment"],
        "n_critic": 2,
        "decay": {"horizon": 40},
        "precision": "float32",
        "threads": 1,
        "monitoring": {"every": 3, "samples_every": 50, "heldout": 16},
        "evaluation": {"every": 0, "n": 50, "extractor": {"name": "pixels"}, "metrics": ["kid"]},
        "checkpoints": {"every": 4},
    }
    return Config.of({**settings, **changes})


def tensors(run: Path) -> dict[str, torch.Tensor]:
    """Every tensor of the last checkpoint by file and name."""
    last = run / "checkpoints" / "last"
    found = {f"{path.name}/{key}": value for path in last.glob("*.safetensors") for key, value in load_file(path).items()}
    state = torch.load(last / "optimizers.pt", weights_only=True)
    for player in ("discriminator", "generator"):
        for index, entry in state.pop(player)["state"].items():
            found |= {f"{player}/{index}/{key}": value for key, value in entry.items()}
    assert len(state.pop("cuda")) == torch.cuda.device_count()
    return found | state


def history(run: Path) -> list[dict[str, float]]:
    path = run / "history.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [{name: value for name, value in line.items() if not name.startswith(TIMES)} for line in lines]


def assert_same(one: Path, other: Path) -> None:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []
    assert history(one) == history(other)


@pytest.fixture(scope="module")
def in_one_go(tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "run"
    torch.set_num_threads(1)
    train(small(), out)
    return out


def test_half_and_half_is_whole(in_one_go, tmp_path):
    train(small(steps=6), tmp_path / "run")
    outcome = resume(tmp_path / "run", steps=12)
    assert outcome.step == 12
    assert_same(in_one_go, tmp_path / "run")


def test_stopped_in_the_middle_and_resumed(in_one_go, tmp_path):
    run = start(small(), tmp_path / "run")
    for event in run.play():
        if event.kind == "step" and event.step == 7:  # neither at a reading nor at a checkpoint
            run.stop()
    assert run.outcome().interrupted
    assert run.outcome().exit_code == 130
    resume(tmp_path / "run")
    assert_same(in_one_go, tmp_path / "run")


def test_left_without_a_word_and_resumed(in_one_go, tmp_path):
    """As after kill -9 at step 10: the last checkpoint is of step 8, and what was written after it is cut back."""
    for event in start(small(), tmp_path / "run").play():
        if event.kind == "step" and event.step == 10:
            break
    assert history(tmp_path / "run")[-1]["step"] == 9
    run = reopen(tmp_path / "run")
    assert run.game.state.step == 8
    for _ in run.play():
        pass
    assert_same(in_one_go, tmp_path / "run")


def test_left_before_the_first_checkpoint(in_one_go, tmp_path):
    for event in start(small(), tmp_path / "run").play():
        if event.kind == "step" and event.step == 2:
            break
    resume(tmp_path / "run")
    assert_same(in_one_go, tmp_path / "run")


def test_the_same_config_gives_the_same_run(in_one_go, tmp_path):
    train(small(), tmp_path / "run")
    assert_same(in_one_go, tmp_path / "run")


def test_killed_at_any_moment(in_one_go, tmp_path):
    """The real thing, several times over: SIGKILL at odd moments, resume, until it is done."""
    out = tmp_path / "run"
    train(small(steps=1), out)
    code = "import sys, torch; torch.set_num_threads(1); from steadygan.launch import resume; resume(sys.argv[1], 12)"
    for attempt in range(20):
        process = subprocess.Popen([sys.executable, "-c", code, str(out)], stderr=subprocess.PIPE)
        time.sleep(0.1)
        while process.poll() is None and len(history(out)) <= attempt and attempt < 4:
            time.sleep(0.01)
        if attempt < 4:
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors.decode()
    assert_same(in_one_go, out)


def test_ctrl_c_checkpoints_and_exits(in_one_go, tmp_path):
    """A real process and a real signal: exit code 130, a checkpoint at the step at hand, and nothing lost."""
    config, out = tmp_path / "small.yaml", tmp_path / "run"
    config.write_text(small(steps=100_000).yaml())
    command = [sys.executable, "-m", "steadygan", "train", "--config", str(config), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(history(out)) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "steadygan resume" in printed
    assert "Traceback" not in errors
    stopped = json.loads((out / "outcome.json").read_text())["step"]
    assert stopped >= 6
    assert resume(out, steps=stopped + 2).step == stopped + 2


def test_a_part_of_ones_own_and_data_of_ones_own_go_along(tmp_path, monkeypatch):
    """A run with a class from a file, resumed from another directory after that file is gone."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("mine.py").write_text("from steadygan.losses import Hinge\n\nclass Wide(Hinge):\n    margin: float = 2.0\n")
    np.savez("data.npz", images=np.zeros((60, 8, 8, 1), dtype=np.uint8))
    config = small(steps=2, data={"name": "array", "path": "data.npz"}, loss="mine.py:Wide", conditional=False)
    train(config, "run")
    Path("mine.py").unlink()
    monkeypatch.chdir(tmp_path)
    assert resume("here/run", steps=4).step == 4
    loss = reopen(Path("here/run"), steps=6).config.loss
    assert type(loss).__name__ == "Wide"
    assert loss.margin == 2


def test_the_best_score_is_known_after_a_resume(tmp_path):
    """The last score of a session counts: a worse one after the resume does not take the place of the best."""
    scored = {"every": 0, "n": 50, "extractor": {"name": "pixels"}, "metrics": ["kid"]}
    first = train(small(steps=4, evaluation=scored), tmp_path / "run")
    assert first.best is not None
    assert first.best["step"] == 4
    run = reopen(tmp_path / "run", steps=6)
    assert run.best == first.best
    for _ in run.play():
        pass
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert run.best["value"] == min(json.loads(line)["kid"] for line in lines)


def test_killed_between_the_last_step_and_the_report(in_one_go, tmp_path):
    out = tmp_path / "run"
    for event in start(small(), out).play():
        if event.kind == "saved" and event.step == 12:
            break
    (out / "report.html").unlink(missing_ok=True)
    assert resume(out).step == 12
    assert (out / "report.html").is_file()
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 1
    assert_same(in_one_go, out)


def test_a_budget_for_the_probes_leaves_gaps_and_training_alone(in_one_go, tmp_path):
    """Whatever is due depends on the clock, the weights do not: not even when the run is resumed."""
    out, monitoring = tmp_path / "run", {"every": 1, "samples_every": 50, "heldout": 16, "budget": 1e-9}
    train(small(steps=6, monitoring=monitoring), out)
    resume(out, steps=12)
    one, other = tensors(in_one_go), tensors(out)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    assert [any(name.startswith("sigma/") for name in line) for line in history(out)] == [True] * 2 + [False] * 10
    assert (out / "log.txt").read_text().count("monitoring.budget") == 1
