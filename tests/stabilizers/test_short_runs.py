"""Twenty real steps of the methods that change the discriminator itself, and the same in two parts."""

import pytest
import torch
from safetensors.torch import load_file

from steadygan.config import Config
from steadygan.launch import resume, train

METHODS = {
    "static": ["spectral_regularization", "spectral_norm"],
    "dynamic": [{"name": "spectral_regularization", "compensation": "dynamic", "every": 3}, "spectral_norm"],
    "gradient normalization": ["gradient_normalization"],
    "weight norm": ["weight_norm", {"name": "r1", "every": 4}],
}
GAMES = {
    "points": {"data": {"name": "ring", "count": 300}, "network": {"name": "mlp", "width": 16}},
    "images with labels": {
        "data": {"name": "shapes", "count": 120},
        "resolution": 8,
        "network": {"name": "dcgan", "width": 4},
    },
}


def small(stabilizers: list[object], game: str, steps: int, **changes: object) -> Config:
    settings = {
        **GAMES[game],
        "stabilizers": stabilizers,
        "steps": steps,
        "batch_size": 8,
        "z_dim": 4,
        "precision": "float32",
        "threads": 1,
        "monitoring": {"every": 10, "samples_every": 50, "heldout": 8},
        "evaluation": {"every": 0, "n": 40, "extractor": {"name": "pixels"}, "metrics": ["kid"]},
        "checkpoints": {"every": 7},
    }
    return Config.of({**settings, **changes})


def weights_in(run):
    files = sorted((run / "checkpoints" / "last").glob("*.safetensors"))
    return {f"{path.name}/{name}": value for path in files for name, value in load_file(path).items()}


@pytest.mark.parametrize("game", list(GAMES))
@pytest.mark.parametrize("method", list(METHODS))
def test_twenty_steps_and_the_same_in_two_parts(method, game, tmp_path):
    outcome = train(small(METHODS[method], game, 20), tmp_path / "whole")
    assert outcome.step == 20
    train(small(METHODS[method], game, 11), tmp_path / "parts")
    assert resume(tmp_path / "parts", steps=20).step == 20
    whole, parts = weights_in(tmp_path / "whole"), weights_in(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert [name for name in whole if not torch.equal(whole[name], parts[name])] == []
    assert all(torch.isfinite(value).all() for value in whole.values())


@pytest.mark.parametrize("method", list(METHODS))
def test_a_few_steps_in_bfloat16(method, tmp_path):
    outcome = train(small(METHODS[method], "images with labels", 3, precision="bfloat16"), tmp_path / "run")
    assert outcome.step == 3
    assert all(torch.isfinite(value).all() for value in weights_in(tmp_path / "run").values())
