"""`steadygan audit`: whatever it is pointed at, and whatever is wrong with it."""

import json
import os
import pickle
import sys
import textwrap

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from steadygan.cli import audit as command

NETWORK = """
    import torch
    from torch import nn
    from torch.nn.utils.parametrizations import spectral_norm

    class Judge(nn.Module):
        def __init__(self, width=4):
            super().__init__()
            self.body = nn.Sequential(spectral_norm(nn.Conv2d(3, width, 3)), nn.ReLU(), nn.Flatten())
            self.head = nn.Linear(width * 36, 1)

        def forward(self, x):
            return self.head(self.body(x))

    class Talks(Judge):
        def forward(self, x):
            print("here I am")
            return super().forward(x)

    def small():
        return Judge(width=2)

    def broken():
        raise RuntimeError("no such luck")

    made = Judge()
    number = 3
"""


@pytest.fixture
def network(tmp_path):
    (tmp_path / "judge.py").write_text(textwrap.dedent(NETWORK))
    yield tmp_path
    for name in ("judge", "steadygan_audited_judge"):
        sys.modules.pop(name, None)


@pytest.fixture
def run(steadygan, tmp_path, tiny):
    settings = ["--set", "stabilizers=[spectral_norm]", "--set", "loss=wasserstein"]
    optimizer = ["--set", "discriminator.optimizer={name: adamw, weight_decay: 0.1}"]
    assert steadygan("train", "shapes", "--out", "run", *tiny, *settings, *optimizer)[0] in (0, 3)
    return tmp_path / "run"


def networks(result):
    """What `--json` printed, by network."""
    code, out, errors = result
    assert code == 0, errors
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))["networks"]


def refused(result, *words):
    code, out, errors = result
    assert code == 2, errors
    assert out == ""
    assert errors.startswith("error: ")
    assert "Traceback" not in errors
    for word in words:
        assert word in errors, f"{word!r} is not in: {errors}"


@pytest.mark.parametrize("target", ["judge.py:Judge", "judge:Judge", "judge.py:small", "judge.py:made"])
def test_a_class_a_function_or_a_network(steadygan, network, target):
    found = networks(steadygan("audit", target, "--input-shape", "3,8,8", "--json"))["network"]
    assert [row["layer"] for row in found["rows"]] == ["body.0", "head"]
    assert found["rows"][0]["covered"] == "torch"
    assert found["rows"][0]["operator"] > 0
    assert found["input_shape"] == [3, 8, 8]
    assert found["bounds"]["lower"] >= 0
    assert [warning["trap"] for warning in found["warnings"]] == ["uncovered last layer"]
    assert str(network) not in sys.path


def test_arguments_of_a_class(steadygan, network):
    found = networks(steadygan("audit", "judge.py:Judge", "--set", "width=7", "--json"))["network"]
    assert found["rows"][0]["shape"] == [7, 3, 3, 3]


def test_what_a_network_prints_does_not_get_into_the_json(steadygan, network):
    code, out, errors = steadygan("audit", "judge.py:Talks", "--input-shape", "3,8,8", "--json")
    assert code == 0
    assert "here I am" in errors
    assert json.loads(out)["target"] == "judge.py:Talks"


def test_the_table_as_it_is_printed(steadygan, network):
    code, out, errors = steadygan("audit", "judge.py:Judge", "--input-shape", "3,8,8")
    assert code == 0, errors
    assert errors == ""
    lines = out.splitlines()
    assert lines[0].startswith("Judge: ")
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in out
    for word in ("Conv2d 4×3×3×3", "no¹", "Lipschitz constant", "! uncovered last layer: head"):
        assert word in out


def test_colour_changes_nothing_but_colour(network):
    from rich.text import Text

    from steadygan.spectral.audit import audit

    found = audit(nn.Sequential(spectral_norm(nn.Linear(3, 3)), nn.Linear(3, 1)))
    assert Text.from_ansi(found.table(100, command.painted)).plain.rstrip() == found.table(100).rstrip()


def test_a_run(steadygan, run):
    found = networks(steadygan("audit", "run", "--json"))
    assert list(found) == ["discriminator", "generator"]
    judge = found["discriminator"]
    matrices = [row for row in judge["rows"] if row["sigma"] is not None]
    assert {row["covered"] for row in matrices} == {"ours"}
    assert judge["input_shape"] == [3, 32, 32]
    assert found["generator"]["input_shape"] == [128]
    assert {"weight decay under spectral norm", "Wasserstein loss without a gain"} <= {w["trap"] for w in judge["warnings"]}
    assert found["generator"]["warnings"] == []  # nothing of it is normalized, so its batch norm voids nothing
    one = networks(steadygan("audit", "run", "--player", "generator", "--checkpoint", "best", "--json"))
    assert list(one) == ["generator"]
    code, out, _ = steadygan("audit", "run")
    assert code == 0
    assert out.splitlines()[0] == "discriminator"


def test_a_checkpoint_of_a_run_and_one_without(steadygan, run, tmp_path):
    of_run = networks(steadygan("audit", "run/checkpoints/last", "--json"))
    assert of_run == networks(steadygan("audit", "run", "--json"))
    (run / "checkpoints" / "last").rename(tmp_path / "alone")
    alone = networks(steadygan("audit", "alone", "--json"))
    assert list(alone) == ["discriminator.safetensors", "ema.safetensors", "generator.safetensors"]
    for row, known in zip(alone["discriminator.safetensors"]["rows"], sorted_rows(of_run["discriminator"]), strict=True):
        assert row["layer"] == known["layer"]
        assert row["sigma"] == pytest.approx(known["sigma"], rel=1e-4)
        assert (row["kind"], row["operator"]) == ("", None)


def sorted_rows(found):
    return sorted((row for row in found["rows"] if row["sigma"] is not None), key=lambda row: row["layer"])


def test_files_of_weights(steadygan, tmp_path):
    state = nn.Sequential(spectral_norm(nn.Linear(4, 3)), nn.Linear(3, 1)).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pt")
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3, 4)}}, "param_groups": [{"lr": 0.1}]}
    torch.save({"discriminator": state, "optim_d": optimizer, "steps": 3}, tmp_path / "training.ckpt")
    plain = networks(steadygan("audit", "w.safetensors", "--json"))["w.safetensors"]
    assert [row["covered"] for row in plain["rows"]] == ["torch", ""]
    assert networks(steadygan("audit", "w.pt", "--json"))["w.pt"]["rows"] == plain["rows"]
    nested = networks(steadygan("audit", "training.ckpt", "--json"))
    assert list(nested) == ["training.ckpt.discriminator"]
    assert nested["training.ckpt.discriminator"]["rows"] == plain["rows"]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil-was-run",)


def test_hostile_and_damaged_files(steadygan, tmp_path):
    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "good.pt")
    files = {
        "evil.pt": pickle.dumps(Evil()),
        "cut.pt": (tmp_path / "good.pt").read_bytes()[:300],
        "empty.pt": b"",
        "text.pt": b"hello",
        "text.safetensors": b"hello",
        "empty.safetensors": b"",
        "huge.safetensors": (1 << 60).to_bytes(8, "little") + b"{}",
        "lying.safetensors": (2).to_bytes(8, "little") + b"[]",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        refused(steadygan("audit", name), name, "damaged")
    torch.save({"model": Evil()}, tmp_path / "wrapped.pt")
    refused(steadygan("audit", "wrapped.pt"), "wrapped.pt", "refused", "state_dict()")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    refused(steadygan("audit", "module.pt"), "module.pt", "refused", "state_dict()")
    assert not (tmp_path / "evil-was-run").exists()
    for content in (torch.zeros(3, 3), [1, 2], {"epoch": 3}, {1: torch.zeros(2, 2)}):
        torch.save(content, tmp_path / "nothing.pt")
        refused(steadygan("audit", "nothing.pt"), "nothing.pt", "no named tensors")


def test_a_damaged_run(steadygan, run):
    weights = run / "checkpoints" / "last" / "discriminator.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    refused(steadygan("audit", "run"), "discriminator.safetensors", "damaged")
    refused(steadygan("audit", "run", "--checkpoint", "frist"), "no checkpoint")


def test_targets_that_are_not_there(steadygan, network, tmp_path):
    (tmp_path / "folder").mkdir()
    refused(steadygan("audit", "nowhere"), "nowhere", "no such file")
    refused(steadygan("audit", "folder"), "folder", "no run and no checkpoint")
    refused(steadygan("audit", "judge.py"), "judge.py:Class")
    refused(steadygan("audit", "judge.py:Jugde"), "'Jugde'", "did you mean 'Judge'")
    refused(steadygan("audit", "jugde.py:Judge"), "jugde.py", "no such file")
    refused(steadygan("audit", "no.such.package:Judge"), "no.such.package", "ModuleNotFoundError")
    refused(steadygan("audit", "judge.py:number"), "torch.nn.Module", "int")
    refused(steadygan("audit", "judge.py:broken"), "no such luck", "--traceback")
    refused(steadygan("audit", "judge.py:Judge", "--set", "wdith=3"), "wdith")
    (tmp_path / "bad.py").write_text("import sys\nsys.exit(5)\n")
    refused(steadygan("audit", "bad.py:Judge"), "bad.py", "SystemExit")


@pytest.mark.parametrize("shape", ["3,a", "", "3,,8", "0,8,8", "-3,8,8"])
def test_shapes_that_are_none(steadygan, network, shape):
    refused(steadygan("audit", "judge.py:Judge", f"--input-shape={shape}"), "--input-shape")


def test_a_player_that_is_none(steadygan, run):
    refused(steadygan("audit", "run", "--player", "critic"), "'critic'", "discriminator")


def test_a_shape_that_does_not_fit(steadygan, network):
    """Not an error: the rows are there, and why nothing else is."""
    found = networks(steadygan("audit", "judge.py:Judge", "--input-shape", "3,9,9", "--json"))["network"]
    assert found["bounds"] is None
    assert "forward pass" in found["notes"][0]
    assert found["rows"][0]["sigma"] > 0
