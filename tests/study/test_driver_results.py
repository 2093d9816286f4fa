"""A driver's file of results: in the order of the cells, the same for the same cells, and whole again after damage."""

import pytest
from study_cells import Answers, drive, repeatable, tiny
from study_lines import A0, A1, B0, B1, ids

from steadygan.study.result import read_results


def test_results_stand_in_the_order_of_the_cells_whoever_came_first(tmp_path):
    class Backwards(Answers):
        def wait(self, seconds):
            return super().wait(seconds)[::-1]

    drive(tiny(), tmp_path / "s", Backwards(slots=4))
    assert ids(tmp_path / "s") == ["none.as-is.0", "sn.as-is.0", "none.as-is.1", "sn.as-is.1"]


@pytest.mark.parametrize("cut", [1, 50, -1])
def test_a_results_file_cut_off_in_mid_line_costs_that_line_alone(cut, tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    file = tmp_path / "s" / "results.jsonl"
    whole = file.read_bytes()
    start = whole.rstrip().rfind(b"\n") + 1
    file.write_bytes(whole[: start + cut] if cut > 0 else whole[:-1])
    driver, _ = drive(tiny(), tmp_path / "s", later := Answers())
    if cut > 0:
        assert later.cells == [B1]
        assert driver.note == f"{file}: 1 lines could not be read; their cells are looked for in cells/"
    else:
        assert later.cells == []  # the line lacks its end and nothing else
        assert driver.note == ""
    assert file.read_bytes() == whole


def test_after_a_line_that_was_cut_off_the_next_one_begins_anew(tmp_path):
    def die(driver, event):
        if event.kind == "result":
            raise KeyboardInterrupt

    drive(tiny(), tmp_path / "s", Answers())
    file = tmp_path / "s" / "results.jsonl"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(KeyboardInterrupt):
        drive(tiny(seeds=3), tmp_path / "s", Answers(), see=die)
    assert ids(tmp_path / "s") == [A0.id, B0.id, A1.id, B1.id]


def test_damage_is_gone_after_the_next_driver(tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    file = tmp_path / "s" / "results.jsonl"
    file.write_bytes(b"\x00\xff{\n" + file.read_bytes() + b'{"arm": "sn"')
    driver, _ = drive(tiny(), tmp_path / "s", later := Answers())
    assert (later.cells, driver.note) == ([], f"{file}: 2 lines could not be read; their cells are looked for in cells/")
    assert read_results(file).damaged == 0
    assert drive(tiny(), tmp_path / "s", Answers())[0].note == ""


def test_the_same_cells_give_the_same_file(tmp_path):
    for name, slots in (("s", 1), ("t", 3)):
        driver, _ = drive(tiny(), tmp_path / name, Answers(slots=slots))
        assert len(repeatable(driver)) == 4
    assert (tmp_path / "s" / "results.jsonl").read_bytes() == (tmp_path / "t" / "results.jsonl").read_bytes()
