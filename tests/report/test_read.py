import json

import numpy as np
import pytest
from PIL import Image

from steadygan.errors import UsageError
from steadygan.report.pictures import LARGEST_FILE, embedded
from steadygan.report.read import read_run, spread


def test_a_complete_run_is_read_without_a_problem(healthy_run):
    record = read_run(healthy_run)
    assert record.problems == []
    assert record.name == "fashion"
    assert record.config["seed"] == 7
    assert len(record.history) == 40
    assert [picture.step for picture in record.samples] == list(range(0, 2001, 250))
    assert record.reals.width == 320
    assert record.outcome["verdict"] == "HEALTHY"


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no run here"):
        read_run(tmp_path)
    with pytest.raises(UsageError, match="no such directory"):
        read_run(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["plan.md", "environment.json", "history.jsonl", "findings.jsonl", "metrics.jsonl", "reals.png", "outcome.json"]
)
def test_any_file_may_be_missing(new_run, name):
    run = new_run(sheets=1)
    (run / name).unlink()
    assert read_run(run).problems == []


DAMAGE = {
    "config.yaml": "a: [",
    "environment.json": "{",
    "outcome.json": "[1, 2]",
    "history.jsonl": '{"step": 1\n{"step": 2}\n',
    "findings.jsonl": "nonsense\nnonsense\n",
    "metrics.jsonl": "{]\n{}\n",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_named_and_the_rest_is_read(new_run, name):
    run = new_run(sheets=1)
    (run / name).write_text(DAMAGE[name])
    record = read_run(run)
    assert record.problems == [f"{name} could not be read."]
    assert record.plan.startswith("# Plan")


def test_bytes_that_are_no_text_are_survived(new_run):
    run = new_run(sheets=1)
    for name in ("plan.md", "config.yaml", "outcome.json"):
        (run / name).write_bytes(b"\xff\xfe\x00 x: 1")
    read_run(run)


def test_a_torn_last_line_is_no_problem(new_run):
    run = new_run(sheets=1)
    with (run / "history.jsonl").open("a") as file:
        file.write('{"step": 2050, "lo')
    record = read_run(run)
    assert len(record.history) == 40
    assert record.problems == []


def test_records_without_a_step_and_lines_that_are_no_records_are_left_out(new_run):
    run = new_run(sheets=1)
    lines = ['{"step": 5}', "3", "null", "[]", '{"kid": 1}', '{"step": null}', '{"step": "x"}', '{"step": 1}']
    (run / "metrics.jsonl").write_text("\n".join(lines))
    assert [item["step"] for item in read_run(run).metrics] == [1, 5]


def test_a_damaged_sheet_is_named(new_run):
    run = new_run(sheets=2)
    (run / "samples" / "000100.png").write_bytes(b"\x89PNG\r\n")
    record = read_run(run)
    assert record.problems == ["samples/000100.png is damaged."]
    assert [picture.step for picture in record.samples] == [0, 2000]


def test_many_sheets_are_thinned_to_the_first_the_last_and_some_between(new_run):
    run = new_run(sheets=60)
    steps = [picture.step for picture in read_run(run).samples]
    assert len(steps) == 24
    assert (steps[0], steps[-1]) == (0, 2000)
    assert spread([1, 2, 3], 5) == [1, 2, 3]


def test_small_pictures_stay_byte_for_byte_and_large_ones_shrink(tmp_path):
    random = np.random.default_rng(0)
    for name, side in (("small", 20), ("large", 1500)):
        Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    small, large = embedded(tmp_path / "small.png"), embedded(tmp_path / "large.png")
    assert small.uri.startswith("data:image/png;base64,")
    assert (tmp_path / "large.png").stat().st_size > LARGEST_FILE
    assert large.uri.startswith("data:image/webp;base64,")
    assert (large.width, large.height) == (1024, 1024)
    assert embedded(tmp_path / "none.png") is None


def test_a_broken_number_reads_back_as_nan(new_run):
    run = new_run(sheets=1)
    (run / "history.jsonl").write_text(json.dumps({"step": 1, "loss/generator": None}) + "\n")
    assert np.isnan(read_run(run).history["loss/generator"]).all()
