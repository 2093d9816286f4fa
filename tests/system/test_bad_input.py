"""Bad input gets a clear error, the right exit code, and nothing is lost."""

import json
import os
import pickle
import shutil
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image


def pictures(folder, n=12, size=(16, 16), mode="RGB"):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for index in range(n):
        pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{index:03d}.png")
    return folder


def huge_header():
    """A PNG whose header promises 40,000 x 40,000 pixels."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def refused(result, *words, code=2):
    """The exit code, a line that starts with error:, the words in it, and no traceback."""
    exit_code, _, errors = result
    assert exit_code == code, errors
    assert errors.startswith("error: ")
    assert "Traceback" not in errors
    for word in words:
        assert word in errors, f"{word!r} is not in: {errors}"


def test_no_such_data(steadygan):
    refused(steadygan("train", "phots/"), "phots/")


def test_an_empty_folder(steadygan, tmp_path):
    (tmp_path / "photos").mkdir()
    refused(steadygan("train", "photos"), "photos", "no images")


def test_a_folder_of_text(steadygan, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "notes.txt").write_text("hello")
    refused(steadygan("train", "photos"), "notes.txt")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.jpg", None),
        ("empty.png", b""),
        ("huge.png", huge_header()),
        ("notes.txt", b"hello"),
        ("a.heic", b"\0\0\0\x18ftypheic"),
    ],
)
def test_one_bad_file_among_good_ones(steadygan, tmp_path, tiny, name, content):
    pictures(tmp_path / "photos")
    if content is None:
        Image.new("RGB", (64, 64), "red").save(tmp_path / "whole.jpg")
        content = (tmp_path / "whole.jpg").read_bytes()[:400]
    (tmp_path / "photos" / name).write_bytes(content)
    refused(steadygan("train", "photos", "--out", "run", *tiny), name, "1 of 13", "--skip-bad")
    assert not (tmp_path / "run").exists()
    code, _, errors = steadygan("train", "photos", "--out", "run", "--skip-bad", *tiny)
    assert code in (0, 3), errors
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize(("n", "size"), [(1, (16, 16)), (12, (1, 1))])
def test_one_image_and_images_of_one_pixel_train_or_are_refused(steadygan, tmp_path, tiny, n, size):
    pictures(tmp_path / "photos", n, size)
    code, _, errors = steadygan("train", "photos", "--out", "run", *tiny, "--set", f"batch_size={min(n, 4)}")
    assert code in (0, 3), errors


def test_mixed_sizes_and_modes_train(steadygan, tmp_path, tiny):
    for index, mode in enumerate(("RGB", "L", "RGBA", "P", "CMYK", "1", "I;16")):
        suffix = "jpg" if mode == "CMYK" else "png"
        folder = tmp_path / "photos"
        folder.mkdir(exist_ok=True)
        Image.new("RGB" if mode == "I;16" else mode, (20 + 7 * index, 30)).save(folder / f"{index}.{suffix}")
        if mode == "I;16":
            Image.fromarray(np.full((30, 30), 40_000, dtype=np.uint16)).save(folder / f"{index}.png")
    code, out, errors = steadygan("train", "photos", "--out", "run", *tiny)
    assert code in (0, 3), errors
    assert "resolution" in out


def test_a_metric_that_cannot_be_had_costs_the_others_nothing(steadygan, tmp_path, tiny):
    pictures(tmp_path / "photos", n=60)
    asked = ("evaluation.metrics=[kid, conditional_accuracy, prdc]", "evaluation.every=2", "evaluation.n=20", "steps=6")
    code, out, _ = steadygan("train", "photos", "--out", "run", *tiny, *(part for each in asked for part in ("--set", each)))
    assert code in (0, 3)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert all({"kid", "coverage"} <= set(row) and "conditional_accuracy" not in row for row in rows)
    said = "step 2: not scored: conditional_accuracy: the real samples have no labels"
    assert out.count(said) == (tmp_path / "run" / "log.txt").read_text().count("not scored") == 1


def test_labels_missing_for_some_files(steadygan, tmp_path):
    folder = pictures(tmp_path / "photos")
    (folder / "dataset.json").write_text(json.dumps({"labels": [["000.png", 1], ["001.png", 0]]}))
    refused(steadygan("train", "photos"), "label", "002.png")


def test_a_zip_that_climbs_out(steadygan, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil.png", b"x")
    refused(steadygan("train", "evil.zip"), "../evil.png")


def test_nan_in_an_array(steadygan, tmp_path):
    images = np.zeros((8, 16, 16, 3), dtype=np.float32)
    images[3, 0, 0, 0] = np.nan
    np.savez(tmp_path / "a.npz", images=images)
    refused(steadygan("train", "a.npz"), "a.npz", "3")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_directory_that_cannot_be_written_to(steadygan, tmp_path, tiny):
    (tmp_path / "closed").mkdir(mode=0o500)
    refused(steadygan("train", "shapes", "--out", "closed/run", *tiny), "closed/run", "cannot be written")


def test_a_file_where_the_directory_should_be(steadygan, tmp_path, tiny):
    (tmp_path / "file").write_text("x")
    refused(steadygan("train", "shapes", "--out", "file/run", *tiny), "file/run", "cannot be written")


def test_an_existing_run(steadygan, tmp_path, tiny):
    assert steadygan("train", "shapes", "--out", "run", *tiny)[0] in (0, 3)
    before = (tmp_path / "run" / "history.jsonl").read_bytes()
    refused(steadygan("train", "shapes", "--out", "run", *tiny), "steadygan resume run")
    assert (tmp_path / "run" / "history.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("stepz=3", ["stepz", "did you mean 'steps'"]),
        ("steps=many", ["steps", "'many'"]),
        ("loss=hing", ["loss", "did you mean 'hinge'"]),
        ("stabilizers=[{name: r1, gama: 3}]", ["stabilizers[0].gama", "did you mean 'gamma'"]),
        ("generator.optimizer.lr=1", ["lr", "learning_rate"]),
        ("resolution=50", ["50", "multiple of 4"]),
        ("batch_size=999", ["batch_size", "999"]),
        ("device=gpu", ["device", "'gpu'"]),
        ("nonsense", ["key=value"]),
    ],
)
def test_settings(steadygan, setting, words):
    source = ["--set", "data={name: shapes, count: 100}"]
    refused(steadygan("train", "--out", "run", *source, "--set", setting), *words)
    assert not os.path.exists("run")


def test_config_files(steadygan, tmp_path):
    refused(steadygan("train", "--config", "no.yaml"), "no.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    refused(steadygan("train", "--config", "bad.yaml"), "bad.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    refused(steadygan("train", "--config", "list.yaml"), "expected a mapping")
    refused(steadygan("train", "--recipe", "sgnan"), "did you mean 'sngan'")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil-was-run",)


@pytest.fixture
def run(steadygan, tmp_path, tiny):
    assert steadygan("train", "shapes", "--out", "run", *tiny)[0] in (0, 3)
    return tmp_path / "run"


def test_no_run_here(steadygan, tmp_path):
    (tmp_path / "empty").mkdir()
    for verb in (["resume", "empty"], ["sample", "empty", "--out", "x"], ["report", "empty"]):
        refused(steadygan(*verb), "empty", "no run here")


def test_damaged_checkpoints(steadygan, run):
    last = run / "checkpoints" / "last"
    weights = (last / "ema.safetensors").read_bytes()
    (last / "ema.safetensors").write_bytes(weights[: len(weights) // 2])
    refused(steadygan("sample", "run", "--out", "x"), "ema.safetensors", "damaged", code=1)
    (last / "ema.safetensors").write_bytes(weights)
    state = (last / "optimizers.pt").read_bytes()
    for content in (state[:300], pickle.dumps(Evil())):
        (last / "optimizers.pt").write_bytes(content)
        refused(steadygan("resume", "run", "--steps", "6"), "optimizers.pt", code=1)
    assert not os.path.exists("evil-was-run")
    assert steadygan("sample", "run", "--out", "x", "--checkpoint", "safe")[0] == 0


def test_a_checkpoint_of_another_resolution(steadygan, run):
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("resolution: 32", "resolution: 16"))
    refused(steadygan("resume", "run", "--steps", "6"), "checkpoints/last", "[3, 32, 32]", "[3, 16, 16]", code=1)


def test_a_disk_that_fills_up(steadygan, run, monkeypatch):
    before = {path.name: path.read_bytes() for path in (run / "checkpoints" / "last").iterdir()}

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    refused(steadygan("resume", "run", "--steps", "8"), "No space left on device", "steadygan resume", code=1)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in (run / "checkpoints" / "last").iterdir()} == before
    shutil.rmtree("x", ignore_errors=True)


def test_resume_has_somewhere_to_go(steadygan, run):
    refused(steadygan("resume", "run"), "already at step 4", "--steps")


def test_sample_mistakes(steadygan, run):
    refused(steadygan("sample", "run", "--out", "x", "--label", "dog"), "'dog'")
    refused(steadygan("sample", "run", "--out", "x", "--format", "gif"), "'gif'")
    refused(steadygan("sample", "run", "--out", "x", "--truncation", "-1"), "above 0")
    refused(steadygan("sample", "run", "--out", "x", "--checkpoint", "frist"), "no checkpoint", code=1)


def test_evaluate_mistakes(steadygan, tmp_path):
    pictures(tmp_path / "photos")
    refused(steadygan("evaluate", "photos"), "--data")
    refused(steadygan("evaluate", "nowhere", "--data", "shapes"), "nowhere")
