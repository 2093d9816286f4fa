"""JSON lines: ours, StyleGAN's and anybody's."""

import json
import math

import numpy as np
import pytest

from steadygan.errors import DataError
from steadygan.history import History


def jsonl(records):
    return "".join(f"{json.dumps(record)}\n" for record in records)


def tick(number, **more):
    def mean(value, std=0.0, num=100):
        return {"num": num, "mean": value, "std": std}

    return {
        "Loss/scores/real": mean(0.5, 0.7),
        "Loss/scores/fake": mean(-0.5, 0.6),
        "Loss/signs/real": mean(0.6),
        "Loss/signs/fake": mean(-0.4),
        "Loss/D/loss": mean(1.0),
        "Loss/G/loss": mean(0.8),
        "Loss/r1_penalty": mean(math.nan, num=0) if number % 2 else mean(0.1),
        "Progress/tick": mean(number),
        "Progress/kimg": mean(4.0 * number),
        "timestamp": 1.7e9 + number,
        **more,
    }


def test_nested_objects(write, read):
    run = read(write("log.jsonl", jsonl({"step": 50 * i, "train": {"d": {"loss": 0.5}}, "g_loss": 1} for i in range(20))))
    assert set(run.naming.chosen) == {"train/d/loss", "g_loss"}
    assert len(run.history) == 20


def test_two_lines_of_one_step_are_one_reading(write, read):
    lines = [{"step": 50 * (i // 2), ("d_loss" if i % 2 else "g_loss"): 0.5} for i in range(60)]
    run = read(write("log.jsonl", jsonl(lines)))
    assert len(run.history) == len(run.history["loss/generator"]) == len(run.history["loss/discriminator"]) == 30


def test_null_is_missing_and_nan_is_not(write, read):
    first, second = '{"step": 0, "d_loss": 0.5, "g_loss": null}', '{"step": 50, "d_loss": NaN, "g_loss": "Infinity"}'
    run = read(write("log.jsonl", f'{first}\n{second}\n{{"step": 100, "d_loss": true}}\n'))
    np.testing.assert_array_equal(run.history["loss/discriminator"], [0.5, math.nan])
    assert run.history["loss/generator"].tolist() == [math.inf]


def test_a_history_of_ours_is_read_as_it_is(write, read):
    records = [{"step": i, "loss/generator": None if i > 8 else 0.5, "mine/own": 1.0, "images_seen": i} for i in range(1, 11)]
    path = write("run/history.jsonl", jsonl(records) + '{"step": 11, "lo')
    for place in (path, path.parent):
        run = read(place)
        np.testing.assert_equal(list(run.history), list(History.read(path)))
        assert math.isnan(run.history["loss/generator"][-1])
        assert run.naming.chosen == {}


def test_statistics_of_stylegan(write, read):
    write("run/training_options.json", json.dumps({"batch_size": 64}))
    run = read(write("run/stats.jsonl", jsonl(tick(i) for i in range(40))).parent)
    history = run.history
    assert history.steps()[:3].tolist() == [0, 62, 125]  # 4,000 images are 62.5 steps of 64
    assert set(history["logit/real"]) == {0.5}
    assert set(history["logit_std/fake"]) == {0.6}
    assert history["accuracy/real"][0] == pytest.approx(0.8)
    assert history["accuracy/fake"][0] == pytest.approx(0.7)
    assert history["accuracy/discriminator"][0] == pytest.approx(0.75)
    assert history["gap/logits"][0] == pytest.approx(1.0)
    assert history["dispersion/logits"][0] == pytest.approx(0.6 / 0.7)
    assert len(history["penalty/r1"]) == 20  # the mean of nothing is no reading
    assert np.isfinite(history["penalty/r1"]).all()
    assert run.step(62) == "step 62 (kimg 3.968)"
    assert any("batches of 64 images (batch_size of training_options.json)" in note for note in run.notes)


def test_without_a_batch_size_one_is_assumed_and_said(write, read):
    run = read(write("stats.jsonl", jsonl(tick(i) for i in range(4))))
    assert run.history.steps().tolist() == [0, 125, 250, 375]
    assert any("batches of 32 images (assumed)" in note for note in run.notes)


def test_damaged_lines_are_passed_over(write, read):
    good = [{"step": 50 * i, "d_loss": 0.5} for i in range(20)]
    run = read(write("log.jsonl", jsonl(good[:10]) + "oops\n\n[1]\n" + jsonl(good[10:]) + '{"step": 9'))
    assert len(run.history) == 20
    assert run.notes == ["3 lines were passed over as no rows, the first is line 11."]


@pytest.mark.parametrize(
    "text",
    ['{"a":' * 5000 + "1" + "}" * 5000, '{"step": 1, "d_loss": ' + "1" * 5000 + "}", "{\n" * 3, '[{"step": 1}]', "5\n6\n"],
)
def test_what_is_no_line_of_json(write, read, text):
    with pytest.raises(DataError, match="no line of it is a JSON object"):
        read(write("log.jsonl", text))


def test_a_number_too_large_for_a_float(write, read):
    assert read(write("log.jsonl", '{"step": 1, "d_loss": 1' + "0" * 400 + "}\n")).history["loss/discriminator"].tolist() == [
        math.inf
    ]


def test_the_first_line_may_hold_settings(write, read):
    run = read(write("log.jsonl", jsonl([{"lr": 0.1}, *({"step": 50 * i, "d_loss": 0.5} for i in range(20))])))
    assert len(run.history) == 20
