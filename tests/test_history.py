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
    assert list(History(RECORDS).until(10)) == RECORDS[:1]
    assert History(RECORDS).until(10).names() == ["loss/generator", "loss/discriminator"]
    assert len(History(RECORDS).until(5)) == 0


def test_steps_that_are_not_in_order_are_kept_as_they_came():
    history = History([{"step": 30, "a": 3.0}, {"step": 10, "a": 1.0}, {"step": 20, "b": 2.0}])
    assert history.steps().tolist() == [30, 10, 20]
    assert history["a"].tolist() == [3.0, 1.0]
    assert list(history.until(20)) == [{"step": 10, "a": 1.0}, {"step": 20, "b": 2.0}]


def test_the_steps_of_all_records():
    assert History(RECORDS).steps().tolist() == [10, 20, 30]
    assert History(RECORDS).steps("step").tolist() == [10, 20, 30]
    assert History(RECORDS).last("step") == 30
    assert History().steps().dtype == np.int64


def test_whole_series_make_a_history():
    series = {name: (History(RECORDS).steps(name), History(RECORDS)[name]) for name in History(RECORDS).names()}
    history = History.of(series)
    assert list(history) == RECORDS
    history.append({"step": 40, "loss/generator": 7.0})
    assert history["loss/generator"].tolist() == [1.0, 0.5, 0.25, 7.0]
    assert len(History.of({})) == 0


def test_what_is_taken_out_is_a_copy():
    history = History(RECORDS)
    history["loss/generator"][0] = history.steps()[0] = 99
    assert list(history) == RECORDS


def test_words_in_a_file_are_no_readings(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1, "a": 1.5, "note": "hello"}\n')
    assert list(History.read(path)) == [{"step": 1, "a": 1.5}]


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
