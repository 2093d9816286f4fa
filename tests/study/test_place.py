import os

import pytest
from study_cells import tiny

from steadygan.errors import ConfigError, UsageError
from steadygan.study.place import StudyDirectory


def test_a_new_directory_holds_the_study(tmp_path):
    place = StudyDirectory(tmp_path / "deep" / "here")
    place.create(tiny())
    assert place.require() == tiny()
    assert place.cells.is_dir()
    assert place.logs.is_dir()


def test_more_seeds_and_arms_are_welcome_and_another_study_is_not(tmp_path):
    place = StudyDirectory(tmp_path / "s")
    place.create(tiny())
    more = tiny(seeds=4, arms={"sn": [], "r1": ["stabilizers+=r1"]})
    place.create(more)
    assert place.require() == tiny()  # it is not yet known whether the cells that are there go with it
    place.begin(more, anew=False)
    assert place.require() == more
    for other in ({"name": "other"}, {"tier": "m"}):
        with pytest.raises(ConfigError, match=r"s: the study 'tiny' lives here; name another --out"):
            place.create(tiny(**other))
        with pytest.raises(ConfigError, match=r"s: the study 'tiny' lives here"):
            place.begin(tiny(**other), anew=False)
    assert place.require() == more


@pytest.mark.parametrize("name", ["notes.txt", "cells/x", "study.yml"])
def test_a_directory_with_something_else_is_left_alone(name, tmp_path):
    file = tmp_path / "s" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(UsageError, match=r"s: there is something here already, and no study"):
        StudyDirectory(tmp_path / "s").create(tiny())
    assert [path for path in (tmp_path / "s").rglob("*") if path.is_file()] == [file]


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "s").write_text("mine")
    with pytest.raises(UsageError, match="there is something here already"):
        StudyDirectory(tmp_path / "s").create(tiny())
    with pytest.raises(UsageError, match="cannot be written to"):
        StudyDirectory(tmp_path / "s" / "t").create(tiny())


def test_what_a_killed_driver_left_before_it_wrote_the_study_is_taken_up(tmp_path):
    place = StudyDirectory(tmp_path / "s")
    place.create(tiny())
    place.study.rename(place.path / ".study.yaml.new")
    place.create(tiny())
    assert place.require() == tiny()


@pytest.mark.parametrize("content", ["", "name: [", "\x00"])
def test_a_damaged_study_is_named(content, tmp_path):
    place = StudyDirectory(tmp_path / "s")
    place.create(tiny())
    place.study.write_text(content)
    with pytest.raises(ConfigError, match=r"s/study\.yaml: "):
        place.create(tiny())


def test_where_there_is_none_that_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"there is no study here \(no study.yaml\)"):
        StudyDirectory(tmp_path).require()


def test_a_second_driver_is_refused_with_the_name_of_the_first_and_changes_nothing(tmp_path):
    place, second = StudyDirectory(tmp_path / "s"), StudyDirectory(tmp_path / "s")
    place.create(tiny())
    said = rf"s: another driver is at work here \(process {os.getpid()} on .*\); watch it with `steadygan study show"
    with place.lock():
        with pytest.raises(UsageError, match=said), second.lock():
            pytest.fail("two at once")
        with pytest.raises(UsageError, match=said):
            second.create(tiny(seeds=9))
        assert place.require() == tiny()
    with second.lock():
        pass  # it is free again


def test_a_lock_is_given_back_where_its_holder_fails(tmp_path):
    place = StudyDirectory(tmp_path)
    with pytest.raises(KeyError), place.lock():
        raise KeyError
    with place.lock():
        pass
