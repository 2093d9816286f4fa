"""Studies at a URL: on a disk with worker processes, and in the memory of this process, where cells are played in it too."""

import json

import pytest

pytest.importorskip("fsspec")
from study_cells import STEPS, Answers, odd, repeatable, tiny

from steadygan.errors import ConfigError, UsageError
from steadygan.study import away, remote
from steadygan.study.away import play_anywhere
from steadygan.study.driver import Driver
from steadygan.study.local import Local, Message
from steadygan.study.place import StudyDirectory
from steadygan.study.remote import study_directory
from steadygan.study.report import write_study_report
from steadygan.study.result import RESULT, read_results
from steadygan.study.store import Store
from steadygan.study.table import read_table, write_verdict

pytestmark = pytest.mark.usefixtures("quick")


def in_this_process(task):
    result = play_anywhere(task, lambda step: None, lambda stop: None)
    return Message(task.cell, result=result)


def drive_at(place, study, backend, see=None):
    place.create(study)
    with place.lock():
        try:
            driver, events = Driver(study, place, backend), []
            for event in driver.run():
                events.append(event)
                if see is not None:
                    see(driver, event)
        finally:
            backend.close()
    return driver, events


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The same study in a directory."""
    place = StudyDirectory(tmp_path_factory.mktemp("here"))
    return drive_at(place, tiny(), Local(1, place.path))[0]


def test_a_study_in_memory_has_the_results_of_one_in_a_directory(memory, here):
    driver, _ = drive_at(study_directory(memory), tiny(), Answers(in_this_process))
    assert repeatable(driver) == repeatable(here)
    there = Store(memory)
    assert there.listed() == ["begun.yaml", "cells", "planned.json", "results.jsonl", "study.yaml"]
    assert there.listed("cells") == sorted(cell.id for cell in driver.study.cells())
    assert {RESULT, "config.yaml", "history.jsonl", "checkpoints"} < set(there.listed("cells/sn.as-is.0"))
    assert away.RESUME not in there.listed("cells/sn.as-is.0")
    lines = there.read("results.jsonl").decode().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [cell.seed for cell in driver.study.cells()]

    again = Answers(in_this_process)
    assert repeatable(drive_at(study_directory(memory), tiny(), again)[0]) == repeatable(here)
    assert again.tasks == [], "what is there is not played again"


def test_a_table_and_a_page_of_a_study_at_a_url(memory):
    study = tiny(seeds=2, rules=[{"a": "sn", "b": "none", "metric": "modes"}])
    drive_at(study_directory(memory), study, Answers(in_this_process))
    place = study_directory(memory)
    table = read_table(place)
    assert table.complete.seeds == (0, 1)
    place.gather()
    write_verdict(place, table)
    write_study_report(place, table)
    place.publish()
    there = Store(memory)
    assert {"verdict.json", "report.html", "report.md"} < set(there.listed())
    assert b"data:image/png;base64," in there.read("report.html")
    assert not (place.cells / "sn.as-is.0" / "checkpoints").exists(), "no weights are fetched for a page"


def test_worker_processes_and_a_file_url(tmp_path, here):
    """With a worker that kills itself with SIGKILL: nothing of its cell was brought there yet, so that it begins anew."""
    url, calls = (tmp_path / "there").as_uri(), tmp_path / "calls"
    arms = {**tiny().arms, "dies": odd("Dies", calls=calls)}
    driver, events = drive_at(study_directory(url), tiny(arms=arms, seeds=1), Local(1, tmp_path))
    assert sum(event.kind == "again" for event in events) == 1
    assert {result.state for result in driver.results.values()} == {"finished"}
    assert len(calls.read_text()) == 50 + STEPS
    mine, other = repeatable(driver), repeatable(here)
    assert all(mine[name] == other[name] for name in ("none.as-is.0", "sn.as-is.0"))
    assert read_results(tmp_path / "there" / "results.jsonl").results.keys() == driver.results.keys()


def test_a_result_whose_line_was_lost_is_found_in_its_cell(memory):
    drive_at(study_directory(memory), tiny(seeds=1), Answers(in_this_process))
    there = Store(memory)
    lines = there.read("results.jsonl").splitlines(keepends=True)
    there.files.pipe_file(there.path("results.jsonl"), lines[0] + lines[1][:100])
    again = Answers(in_this_process)
    driver, _ = drive_at(study_directory(memory), tiny(seeds=1), again)
    assert again.tasks == []
    assert "1 lines could not be read" in driver.note
    assert len(driver.results) == 2


def test_a_report_made_beside_a_driver_undoes_none_of_its_results(memory):
    drive_at(study_directory(memory), tiny(), Answers(in_this_process))
    there = Store(memory)
    whole = there.read("results.jsonl")
    there.files.pipe_file(there.path("results.jsonl"), whole.splitlines(keepends=True)[0])
    reader = study_directory(memory)
    table = read_table(reader)
    assert table.complete.counts["missing"] == 0, "the others are found in their cells"
    there.files.pipe_file(there.path("results.jsonl"), whole)  # as the driver does meanwhile
    write_verdict(reader, table)
    reader.publish_pages()
    assert there.read("results.jsonl") == whole
    assert "verdict.json" in there.listed()


def test_new_metrics_are_read_from_the_cells_at_the_url(memory):
    drive_at(study_directory(memory), tiny(seeds=1), Answers(in_this_process))
    again = Answers(in_this_process)
    study = tiny(seeds=1, metrics={"late": {"of": "score/modes", "higher_is_better": True, "after": 40}})
    driver, _ = drive_at(study_directory(memory), study, again)
    assert again.tasks == []
    assert all(result.values["late"] is not None for result in driver.results.values())


def test_what_else_is_at_a_url(memory, tmp_path):
    there = Store(memory)
    there.files.pipe_file(there.path("photo.png"), b"")
    with pytest.raises(UsageError, match="there is something here already, and no study"):
        study_directory(memory).create(tiny())
    with pytest.raises(UsageError, match="there is no study here"):
        study_directory(memory).require()
    with pytest.raises(UsageError, match=r"nosuch://x: Protocol not known: nosuch"):
        study_directory("nosuch://x")
    drive_at(study_directory(f"{memory}/sub"), tiny(seeds=1), Answers())
    with pytest.raises(ConfigError, match="memory://bucket/study/sub: the study 'tiny' lives here"):
        study_directory(f"{memory}/sub").create(tiny(name="other"))
    (tmp_path / "file").write_text("")
    place = study_directory(f"{(tmp_path / 'file').as_uri()}/below")
    with pytest.raises(UsageError, match="NotADirectoryError"):
        place.create(tiny())


def test_a_network_that_is_away_for_a_while_is_no_fault(memory, monkeypatch):
    monkeypatch.setattr(remote, "EVERY", 0.0)
    place, fails = study_directory(memory), [3]

    def put_file(*arguments, original=place.store.files.put_file):
        if fails[0]:
            fails[0] -= 1
            raise ConnectionError("away")
        original(*arguments)

    place.create(tiny())
    monkeypatch.setattr(place.store.files, "put_file", put_file)
    with pytest.raises(UsageError, match="ConnectionError: away"):
        place.publish()
    fails[0] = 3
    place.publish(soon=True)
    fails[0] = 2
    place.publish()
    assert "study.yaml" in Store(memory).listed()


def test_paths_stay_paths(tmp_path):
    place = study_directory(str(tmp_path))
    assert type(place) is StudyDirectory
    assert place.name == str(tmp_path)
    assert place.home(tiny().cells()[0]) == str(tmp_path / "cells" / "none.as-is.0")
