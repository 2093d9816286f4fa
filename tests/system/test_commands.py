"""The commands, as a person types them, at tiny size."""

import json

import numpy as np
import pytest
from PIL import Image

from steadygan.history import History


@pytest.fixture
def run(steadygan, tmp_path, tiny):
    code, out, errors = steadygan("train", "shapes", "--out", "run", "--seed", "3", *tiny)
    assert code in (0, 3), errors
    assert "report" in out
    return tmp_path / "run"


def test_a_run_leaves_what_is_promised(run):
    promised = "config.yaml plan.md fingerprint.json environment.json history.jsonl metrics.jsonl log.txt reals.png report.html"
    assert [name for name in promised.split() if not (run / name).is_file()] == []
    for name in ("last", "best", "safe"):
        files = {path.name for path in (run / "checkpoints" / name).iterdir()}
        assert files >= {"generator.safetensors", "ema.safetensors", "discriminator.safetensors"}
    assert [path.name for path in sorted((run / "samples").iterdir())] == ["000004.png"]
    first = (run / "history.jsonl").read_text().splitlines()[0]
    assert next(iter(json.loads(first))) == "step"
    history = History.read(run / "history.jsonl")
    assert {"loss/discriminator", "logit/held_out", "grad_norm/generator", "diversity/pairwise_ratio"} <= set(history.names())
    assert history.names("sigma/D.")
    assert history.names("effective_rank/D.")
    page = (run / "report.html").read_text()
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_sample(steadygan, run, tmp_path):
    assert steadygan("sample", "run", "--n", "5", "--out", "pngs")[0] == 0
    assert len(list((tmp_path / "pngs").iterdir())) == 5
    with Image.open(next((tmp_path / "pngs").iterdir())) as image:
        assert image.size == (32, 32)
    assert steadygan("sample", "run", "--n", "9", "--out", "grid.png", "--format", "grid", "--label", "1")[0] == 0
    for seed in (1, 1, 2):
        name = f"{seed}-{(tmp_path / f'{seed}-0.npz').exists():d}.npz"
        assert (
            steadygan("sample", "run", "--n", "4", "--out", name, "--format", "npz", "--seed", str(seed), "--truncation", "1")[
                0
            ]
            == 0
        )
    one, again, other = (np.load(tmp_path / name)["images"] for name in ("1-0.npz", "1-1.npz", "2-0.npz"))
    assert one.shape == (4, 3, 32, 32)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_evaluate(steadygan, run):
    code, out, errors = steadygan("evaluate", "run", "--n", "30", "--json")
    assert code == 0, errors
    scores = json.loads(out)
    assert scores["n_fake"] == 30
    assert "floor" in scores


def test_resume_and_report(steadygan, run):
    assert steadygan("resume", "run", "--steps", "6")[0] in (0, 3)
    assert json.loads((run / "outcome.json").read_text())["step"] == 6
    (run / "report.html").unlink()
    assert steadygan("report", "run")[0] == 0
    assert (run / "report.html").is_file()


def test_dry_run_prints_a_reason_a_line_and_stops(steadygan, tmp_path):
    code, out, _ = steadygan("train", "shapes", "--dry-run")
    assert code == 0
    assert "batch_size" in out
    assert list(tmp_path.iterdir()) == []


def test_a_printed_recipe_is_a_config(steadygan, tmp_path):
    _, text, _ = steadygan("recipes", "wgan_gp")
    (tmp_path / "mine.yaml").write_text(text)
    code, out, _ = steadygan("train", "--config", "mine.yaml", "--dry-run")
    assert code == 0
    assert "wgan_gp" in out


def test_the_next_free_directory(steadygan, tmp_path, tiny):
    for number in ("0001", "0002"):
        assert steadygan("train", "shapes", *tiny)[0] in (0, 3)
        assert (tmp_path / "runs" / f"{number}-plan" / "report.html").is_file()


@pytest.mark.parametrize("verb", ["data", "recipes", "check"])
def test_lists(steadygan, verb):
    code, out, _ = steadygan(verb)
    assert code == 0
    assert len(out.splitlines()) >= 5


def test_check_as_json(steadygan):
    assert json.loads(steadygan("check", "--json")[1])["libraries"]["torch"]


def test_importing_and_helping_do_not_load_torch():
    import subprocess
    import sys

    code = "import sys, steadygan, steadygan.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
