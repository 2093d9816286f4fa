"""A run on a stacked set is scored by its modes, in training and afterwards."""

import json

from steadygan.evaluation import stacked_modes
from steadygan.evaluation.convolutional import trained

STACKED = "data={name: stacked, of: fashion-mnist-test, count: 600}"


def test_a_run_on_stacked_clothes(steadygan, tmp_path, tiny, monkeypatch):
    metric = "evaluation.metrics=[{name: stacked_modes, steps: 30}]"
    settings = [part for text in (STACKED, "channels=3", metric, "resolution=16") for part in ("--set", text)]
    code, _, errors = steadygan("train", "fashion-mnist-test", "--out", "run", *tiny, *settings)
    assert code in (0, 3), errors
    scores = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert 1 <= scores["stacked_modes"] <= scores["n_fake"] == 8
    assert scores["floor"]["stacked_modes"] > 1
    assert 0.1 < scores["classifier_accuracy"] <= 1
    monkeypatch.setattr(stacked_modes, "trained", lambda known, steps: trained(known, 30))  # not the 2,000 of the default
    code, out, errors = steadygan("evaluate", "run", "--n", 100)
    assert code == 0, errors
    assert "stacked modes" in out
