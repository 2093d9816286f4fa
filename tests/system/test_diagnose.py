"""`steadygan diagnose`: whatever it is pointed at."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
import torch

from steadygan.images import write_png

HEAD = "step,d_loss,g_loss,D_real,D_fake\n"


def rows(n, start=0, value="0.7"):
    return "".join(f"{50 * i},{value},0.9,0.5,-0.5\n" for i in range(start, start + n))


@pytest.fixture
def well(tmp_path):
    path = tmp_path / "well.csv"
    path.write_text(HEAD + rows(40))
    return path


@pytest.fixture
def ill(tmp_path):
    path = tmp_path / "ill.csv"
    path.write_text(HEAD + rows(30) + rows(10, 30, "nan"))
    return path


def verdict(result, code):
    """What `--json` printed."""
    exit_code, out, errors = result
    assert exit_code == code, errors
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))


def refused(result, *words):
    code, out, errors = result
    assert code == 2, errors
    assert out == ""
    assert errors.startswith("error: ")
    assert "hint: " in errors
    assert "Traceback" not in errors
    for word in words:
        assert word in errors, f"{word!r} is not in: {errors}"


def test_nothing_wrong(steadygan, well):
    code, out, errors = steadygan("diagnose", well)
    assert code == 0, errors
    assert out.startswith("HEALTHY as far as can be seen: ")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 100
    for words in (
        "d_loss",
        "loss/discriminator  guessed",
        "Not judged, for want of",
        "MODE-COLLAPSE",
        "--samples DIR --reals DIR",
    ):
        assert words in out


def test_a_failure(steadygan, ill):
    code, out, _ = steadygan("diagnose", ill)
    assert code == 3
    lines = out.splitlines()
    assert lines[0].startswith("NON-FINITE since step 1,")
    for words in ("loss/discriminator stopped being a finite number at step 1,500", "evidence  loss/discriminator", "failure"):
        assert words in out


def test_what_a_loop_printed(steadygan, tmp_path):
    lines = [
        f"[Epoch {i // 10 + 1}/9] [Batch {90 * (i % 10)}/938] [D loss: {'nan' if i > 60 else 0.6}] [G loss: 1.2]"
        for i in range(90)
    ]
    (tmp_path / "train.log").write_text("Loading ...\n" + "\n".join(lines) + "\n")
    code, out, _ = steadygan("diagnose", "train.log")
    assert code == 3
    assert out.startswith(f"NON-FINITE since step {6 * 938 + 90:,}, a failure")
    assert "D loss  loss/discriminator  guessed" in out


def test_options_of_our_command_line_are_only_for_runs_of_ours(steadygan, ill, tmp_path):
    for arguments in (["diagnose", ill], ["diagnose", ill, "--json"]):
        out = steadygan(*arguments)[1]
        assert "Halve both learning rates" in " ".join(out.split())
        assert "--set" not in out
        assert "checkpoints/safe" not in out
    ours = tmp_path / "run"
    ours.mkdir()
    readings = [{"step": 50 * i, "loss/generator": None if i > 30 else 0.5, "learning_rate/generator": 0.1} for i in range(40)]
    (ours / "history.jsonl").write_text("".join(json.dumps(one) + "\n" for one in readings))
    assert "--set" not in steadygan("diagnose", ours)[1]
    (ours / "config.yaml").write_text("seed: 1\n")
    assert "--set generator.optimizer.learning_rate=0.05" in " ".join(steadygan("diagnose", ours)[1].split())


def test_the_json(steadygan, ill):
    code, out, errors = steadygan("diagnose", ill, "--json")
    found = verdict((code, out, errors), 3)
    assert set(found) >= {"verdict", "confidence", "first_step", "findings", "not_judged"}
    assert found["verdict"] == "NON-FINITE"
    assert {"rule", "verdict", "step", "evidence", "advice"} <= set(found["findings"][0])
    assert all(set(item) == {"verdict", "needs"} for item in found["not_judged"])
    assert "d_loss -> loss/discriminator" in errors  # shown, but not in the JSON


def test_what_a_column_is(steadygan, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("zeit,a,b\n" + "".join(f"{50 * i},{'nan' if i > 30 else 0.7},1\n" for i in range(40)))
    refused(steadygan("diagnose", path), "none of its columns is known", "zeit, a, b", "--map")
    given = ["--map", "loss/discriminator=a", "--map", "step=zeit"]
    code, out, _ = steadygan("diagnose", path, *given)
    assert code == 3
    assert "as you said" in out
    assert "step 1,950" in out
    refused(steadygan("diagnose", path, "--map", "loss/discriminator=aa"), "no such column", "did you mean 'a'?")
    refused(steadygan("diagnose", path, "--map", "loss/discrimnator=a"), "did you mean 'loss/discriminator'?")
    refused(steadygan("diagnose", path, "--map", "loss/discriminator"), "expected NAME=COLUMN")
    refused(steadygan("diagnose", path, *given, "--map", "loss/generator=a"), "mapped already")


def test_several_runs(steadygan, tmp_path, well, ill):
    for path in (well, ill):
        (tmp_path / "runs" / path.stem).mkdir(parents=True)
        path.rename(tmp_path / "runs" / path.stem / "log.csv")
    code, out, _ = steadygan("diagnose", "runs")
    assert code == 3
    assert out.splitlines()[0].strip() == "runs: 2 runs"
    first_words = [line.split()[:2] for line in out.splitlines()]
    assert first_words.index(["ill", "NON-FINITE"]) < first_words.index(["well", "HEALTHY"])
    found = verdict(steadygan("diagnose", "runs", "--json"), 3)
    assert [(run["run"], run["verdict"]) for run in found["runs"]] == [("ill", "NON-FINITE"), ("well", "HEALTHY")]


def test_a_run_of_ours(steadygan, tiny):
    assert steadygan("train", "shapes", "--out", "run", *tiny, "--set", "monitoring.every=1")[0] in (0, 3)
    code, out, errors = steadygan("diagnose", "run")
    assert code in (0, 3), errors
    assert "guessed" not in out
    assert "4 readings" in out
    assert steadygan("diagnose", "run", "--watch")[0] == code  # it has ended already


def test_samples_through_time(steadygan, tmp_path):
    for folder in ("reals", "samples"):
        (tmp_path / folder).mkdir()
    images = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8)
    for i, image in enumerate(images):
        write_png(tmp_path / "reals" / f"{i}.png", image)
        for step in (100, 200):
            write_png(tmp_path / "samples" / f"{step}_{i}.png", image)
    code, out, errors = steadygan("diagnose", "--samples", "samples", "--reals", "reals")
    assert code == 0, errors
    assert "2 steps of 20 images of 8x8, against 20 real images" in " ".join(out.split())
    (tmp_path / "log.csv").write_text(HEAD + rows(40))
    found = verdict(steadygan("diagnose", "log.csv", "--samples", "samples", "--reals", "reals", "--json"), 0)
    assert "MODE-COLLAPSE" not in [item["verdict"] for item in found["not_judged"]]
    refused(steadygan("diagnose", "log.csv", "--samples", "samples"), "--reals is missing")
    refused(steadygan("diagnose", "--samples", "none", "--reals", "reals"), "none")
    refused(steadygan("diagnose", "samples"), "a folder of images goes to --samples")


@pytest.mark.parametrize(
    "content", [b"", b"\0\1\2", b"hello\n", b"step,d_loss\n", b"\x89PNG\r\n\x1a\n", b'{"a": "b"}\n', b"a,b\n1,2\n"]
)
def test_what_cannot_be_judged(steadygan, tmp_path, content):
    (tmp_path / "log").write_bytes(content)
    refused(steadygan("diagnose", "log"), "log: ")
    refused(steadygan("diagnose", "log", "--json"), "log: ")


def test_nothing_at_all(steadygan, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(steadygan("diagnose"), "nothing to judge")
    refused(steadygan("diagnose", "empty"), "empty", "nothing to judge in it")
    refused(steadygan("diagnose", "nowhere"), "no such file")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits_the_terminal(steadygan, ill, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = steadygan("diagnose", ill)
    assert max(map(len, out.splitlines())) <= min(width, 100)


def test_a_watch_ends_at_ctrl_c(well):
    """Lines as the verdict changes, one JSON object each; exit code 130."""
    command = [sys.executable, "-m", "steadygan", "diagnose", str(well), "--watch", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell lets what it puts in the background ignore it
    with subprocess.Popen(command, **pipes, text=True, preexec_fn=heard) as watch:
        first = json.loads(watch.stdout.readline())
        with well.open("a") as file:
            file.write(rows(10, 40, "nan"))
        second = json.loads(watch.stdout.readline())
        time.sleep(0.2)
        os.kill(watch.pid, signal.SIGINT)
        rest, errors = watch.communicate(timeout=20)
    assert (first["verdict"], second["verdict"], rest) == ("HEALTHY", "NON-FINITE", "")
    assert watch.returncode == 130
    assert "Traceback" not in errors
