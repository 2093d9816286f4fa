import json
import math

import numpy as np
import pytest

from steadygan.history import History, read_jsonl

RECORDS = [
    {"step": 10, "loss/generator": 1.0, "loss/discriminator": 2.0},
    {"step": 20, "loss/generator": 0.5, "score/kid": 3.0},
    {"step": 30, "loss/generator": 0.25},
]


def test_series_and_their_steps_stay_together_where_a_record_lacks_them():
    history = History(RECORDS)
    assert history["score/kid"].tolist() == [3.0]
    assert history.steps("score/kid").tolist() == [20]
    assert history["loss/generator"].dtype == np.float64
    assert history.steps("loss/generator").dtype == np.int64


def test_a_series_that_was_never_recorded_is_empty():
    history = History(RECORDS)
    assert history["nothing"].size == history.steps("nothing").size == 0
    assert history.last("nothing") is None
    assert "nothing" not in history
    assert "score/kid" in history


def test_last_is_the_newest_value_even_of_a_rare_series():
    assert History(RECORDS).last("score/kid") == 3.0


def test_names_come_in_order_of_first_appearance_without_step():
    assert History(RECORDS).names() == ["loss/generator", "loss/discriminator", "score/kid"]
    assert History(RECORDS).names("loss/") == ["loss/generator", "loss/discriminator"]


def test_a_window_counts_steps_back_from_the_newest_record():
    assert History(RECORDS).window("loss/generator", 20).tolist() == [0.5, 0.25]  # step > 10
    assert History().window("loss/generator", 20).size == 0


def test_until_keeps_the_step_itself():
    assert len(History(RECORDS).until(20)) == 2


def test_appending_copies_the_record():
    record = {"step": 1, "a": 1.0}
    history = History()
    history.append(record)
    record["a"] = 2.0
    assert history.last("a") == 1.0
    assert list(history) == [{"step": 1, "a": 1.0}]


def test_a_file_reads_back_as_it_was_written(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    assert list(History.read(path)) == RECORDS


def test_null_reads_back_as_nan_also_inside(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1, "loss/generator": null, "floor": {"kid": null}, "name": "a"}\n')
    (record,) = read_jsonl(path)
    assert math.isnan(record["loss/generator"])
    assert math.isnan(record["floor"]["kid"])
    assert record["name"] == "a"
    assert np.isnan(History.read(path)["loss/generator"]).all()


def test_a_torn_last_line_is_left_out_but_a_broken_one_before_it_is_an_error(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo')
    assert read_jsonl(path) == [{"step": 1}]
    path.write_text('{"step": 1, "lo\n{"step": 2}\n')
    with pytest.raises(json.JSONDecodeError):
        read_jsonl(path)


def test_a_missing_file_is_an_empty_history(tmp_path):
    assert len(History.read(tmp_path / "none.jsonl")) == 0
