"""What lies at a path."""

import json
import os

import pytest

from steadygan.errors import DataError
from steadygan.foreign import Wish, has_ended, read_logs, readers

LOG = "step,d_loss\n" + "".join(f"{50 * i},0.5\n" for i in range(20))
LINES = "".join(json.dumps({"step": 50 * i, "loss/generator": 0.5}) + "\n" for i in range(1, 21))


def test_one_table_in_a_folder_or_in_a_folder_in_it(write, tmp_path):
    write("deep/version_0/metrics.csv", LOG)
    write("deep/version_0/hparams.yaml", "a: 1")
    for folder in ("deep", "deep/version_0"):
        assert len(read_logs(tmp_path / folder)[0].history) == 20


def test_several_tables_in_one_folder_are_named(write, tmp_path):
    for name in ("b.csv", "a.tsv"):
        write(f"run/{name}", LOG)
    with pytest.raises(DataError, match=r"there are 2 tables in it: a.tsv, b.csv; give one of them, as in .*a.tsv"):
        read_logs(tmp_path / "run")


def test_runs_of_ours_and_others_in_one_folder(write, tmp_path):
    write("runs/0001/history.jsonl", LINES)
    write("runs/0001/tensorboard/events.out.tfevents.1", b"")
    write("runs/0001/metrics.jsonl", "{}\n")
    write("runs/other/log.csv", LOG)
    write("runs/.hidden/log.csv", LOG)
    assert [(run.name, run.log.ours) for run in read_logs(tmp_path / "runs")] == [("0001", True), ("other", False)]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "nothing to judge in it: it is empty"),
        (["notes.txt"], "only 1 files such as notes.txt"),
        (["1.png", "2.jpg", "3.png"], "a folder of images goes to --samples"),
        (["offline-run-1/run-1.wandb"], "a log of W&B that only its own program reads; export it as CSV"),
    ],
)
def test_folders_without_a_run(write, tmp_path, files, words):
    (tmp_path / "run").mkdir()
    for file in files:
        write(f"run/{file}", "x")
    with pytest.raises(DataError, match=words):
        read_logs(tmp_path / "run")


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="no such file or directory"):
        read_logs(tmp_path / "none")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads anything")
def test_what_may_not_be_read(write):
    path = write("log.csv", LOG)
    path.chmod(0)
    with pytest.raises(DataError, match="permission denied"):
        read_logs(path)


def test_what_the_system_refuses_is_an_error_of_ours(write, monkeypatch):
    path = write("log.csv", LOG)
    reader = readers(path, Wish({}))[""]
    path.unlink()
    with pytest.raises(DataError, match=r"log.csv: cannot be read: no such file"):
        reader.read()


def test_a_loop_of_links_is_not_entered(write, tmp_path):
    write("runs/a/log.csv", LOG)
    (tmp_path / "runs" / "back").symlink_to(tmp_path / "runs")
    assert len(read_logs(tmp_path / "runs")) == 1


def test_whether_a_run_has_ended(write, tmp_path):
    history = write("run/history.jsonl", LINES)
    assert not has_ended(tmp_path / "run")
    outcome = write("run/outcome.json", json.dumps({"verdict": "HEALTHY", "interrupted": False}))
    os.utime(history, (1000, 1000))
    assert has_ended(tmp_path / "run")
    assert has_ended(history)
    os.utime(history, (9e9, 9e9))  # it was resumed
    assert not has_ended(tmp_path / "run")
    os.utime(history, (1000, 1000))
    outcome.write_text(json.dumps({"verdict": "HEALTHY"}))  # a monitor writes this all along
    assert not has_ended(tmp_path / "run")
    outcome.write_text("{")
    assert not has_ended(tmp_path / "run")


def test_a_log_that_grows_is_read_on(write):
    path = write("log.csv", "step,d_loss\n")
    reader = readers(path, Wish({}, follow=True))[""]
    assert not reader.read()
    assert reader.logs() == []

    def add(text):
        with path.open("a") as file:
            file.write(text)
        reader.read()
        (log,) = reader.logs()
        return log.columns["d_loss"].read()[1].tolist()

    assert add("0,1\n50,2") == [1]
    assert add("5\n100,3\n") == [1, 25, 3]
    assert not reader.read()
    assert add("50,7\n") == [1, 7]


def test_a_log_that_was_cut_back_is_read_anew(write):
    path = write("run/history.jsonl", LINES)
    reader = readers(path, Wish({}, follow=True))[""]
    reader.read()
    path.write_text("".join(LINES.splitlines(keepends=True)[:9]))
    assert reader.read()
    assert reader.logs()[0].columns["loss/generator"].read()[0][-1] == 450
    new = path.with_name("new")
    new.write_text(LINES.replace("0.5", "0.7"))  # another file in its place, and longer
    os.replace(new, path)
    assert reader.read()
    assert reader.logs()[0].columns["loss/generator"].read()[1].tolist() == [0.7] * 20
