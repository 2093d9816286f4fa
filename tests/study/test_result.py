import json
from math import inf, nan

import pytest

from steadygan.study.cells import Cell
from steadygan.study.result import Result, read_results, write_results


def result(seed=0, **changes):
    told = {
        "state": "finished",
        "values": {"q": 0.1 + 0.2, "lost": None},
        "timed": {"ms": 2.5},
        "scores": [{"step": 60, "q": 0.1 + 0.2, "floor": {"q": None}, "extractor": "points"}],
        "traces": {"sigma": [(20, 1.5), (40, None)]},
        "cost": {"seconds": 3.25},
    }
    return Result(arm="sn", setting="A", seed=seed, **told | changes)


def test_a_result_comes_back_from_its_line_to_the_last_bit(tmp_path):
    one = result(problem="“größer”\n\u2028 \ud7ff\x85 end", verdict="HEALTHY")
    write_results(tmp_path / "r.jsonl", [one])
    assert (tmp_path / "r.jsonl").read_bytes().count(b"\n") == 1
    assert read_results(tmp_path / "r.jsonl").results == {Cell("sn", "A", 0): one}


def test_numbers_that_are_not_finite_are_written_as_json_knows_them():
    line = result(scores=[{"step": 1, "q": nan}], cost={"seconds": inf}).line()
    assert json.loads(line, parse_constant=pytest.fail)["scores"] == [{"step": 1, "q": None}]


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_line_that_was_cut_off_costs_its_own_cell_alone(kept, tmp_path):
    lines = [result(seed).line() for seed in range(3)]
    (tmp_path / "r.jsonl").write_text("".join(lines[:2]) + lines[2][:kept])
    ledger = read_results(tmp_path / "r.jsonl")
    assert [cell.seed for cell in ledger.results] == [0, 1]
    assert ledger.damaged == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\xfe\x80",
        b"[1, 2]",
        b"null",
        b"3",
        b'{"arm": "sn"}',
        b'{"arm": "sn", "setting": "A", "seed": "x", "state": "finished"}',
        result().line().replace("finished", "lost").encode().strip(),
        result().line().replace('"arm"', '"amr"').encode().strip(),
        b"[" * 100_000,
    ],
)
def test_a_line_of_garbage_is_counted_and_passed_over(garbage, tmp_path):
    (tmp_path / "r.jsonl").write_bytes(garbage + b"\n\n" + result(4).line().encode())
    ledger = read_results(tmp_path / "r.jsonl")
    assert list(ledger.results) == [Cell("sn", "A", 4)]
    assert ledger.damaged == 1


def test_of_two_lines_for_a_cell_the_later_one_counts(tmp_path):
    write_results(tmp_path / "r.jsonl", [result(state="crashed"), result(1), result(step=7)])
    ledger = read_results(tmp_path / "r.jsonl")
    assert ledger.results[Cell("sn", "A", 0)].step == 7
    assert (len(ledger.results), ledger.damaged) == (2, 0)


def test_a_file_that_is_not_there_holds_nothing(tmp_path):
    assert read_results(tmp_path / "none.jsonl").results == {}
    assert read_results(tmp_path).results == {}


def test_what_is_repeatable_leaves_out_what_a_clock_said():
    one, two = result(), result(cost={"seconds": 9.0, "attempts": 2.0}, timed={"ms": 3.5})
    assert one != two
    assert one.repeatable() == two.repeatable()
    for name in ("values", "scores", "traces"):
        assert one.repeatable() != one.with_(**{name: {} if name != "scores" else []}).repeatable()


def test_a_value_is_found_whether_or_not_a_clock_was_read():
    assert result().value("q") == 0.1 + 0.2
    assert result().value("lost") is None
    assert result().value("ms") == 2.5
    with pytest.raises(KeyError, match="speed"):
        result().value("speed")


@pytest.mark.parametrize(("state", "counts"), [("finished", True), ("diverged", True), ("crashed", False), ("hung", False)])
def test_a_diverged_cell_is_a_result_and_a_crashed_one_is_none(state, counts):
    assert result(state=state).counts == counts
