"""What was asked when the first cell was run stays on record, and nothing rewrites a study that it was refused for."""

import pytest
from made_studies import made_results, made_study, write_study
from study_cells import Answers, drive, tiny

from steadygan.errors import ConfigError
from steadygan.study.place import StudyDirectory
from steadygan.study.record import record
from steadygan.study.report import write_study_report
from steadygan.study.study import Study, read_study

RULE = {"a": "sn", "b": "none", "metric": "modes"}
BEFORE = "The rules were written down with the study, before it was run."


def asking(margin=0.0, **changes):
    return tiny(rules=[RULE | {"margin": margin}], **changes)


def test_a_study_that_is_refused_for_other_settings_is_left_as_it_was(tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    other = tiny(arms={"none": ["stabilizers=[r1]"], "sn": []})
    with pytest.raises(ConfigError, match="it was run with other settings than the study has now"):
        drive(other, tmp_path / "s", Answers())
    assert StudyDirectory(tmp_path / "s").require() == tiny()


def test_rules_that_were_there_first_are_told_from_an_afterthought(tmp_path):
    place = StudyDirectory(tmp_path / "s")
    drive(asking(), place.path, Answers(), limit=1)
    assert record(place, place.require()) == BEFORE
    drive(asking(seeds=4), place.path, Answers())
    assert record(place, place.require()) == f"{BEFORE} Later added: seeds 2, 3."
    assert read_study(place.begun) == asking()
    drive(asking(margin=0.5, seeds=4), place.path, Answers())
    assert record(place, place.require()).startswith("The rules, or what they ask, were changed after cells had been run")


@pytest.mark.parametrize("change", ["threshold", "setting", "unit"])
def test_what_a_rule_asks_is_on_record_too(change, tmp_path):
    place = StudyDirectory(tmp_path / "s")
    drive(asking(), place.path, Answers(), limit=1)
    plain = asking().model_dump()
    plain["metrics"]["modes"] |= {"threshold": {"fails_below": 3}, "unit": {"unit": "of 8"}}.get(change, {})
    plain["settings"] |= {"fast": ["steps=9"]} if change == "setting" else {}
    assert record(place, Study.of(plain)).startswith(BEFORE) is (change == "unit")


def test_as_long_as_nothing_was_run_anything_may_be_changed(tmp_path):
    place = StudyDirectory(tmp_path / "s")
    place.create(asking())
    drive(asking(margin=0.5), place.path, Answers(), limit=1)
    assert record(place, place.require()) == BEFORE


def test_a_report_says_what_is_on_record(tmp_path):
    study = made_study(3, 2, 3)
    place = write_study(tmp_path / "study", study, made_results(study))
    assert "When the rules were written is not on record here." in write_study_report(place).read_text()
    place.begun.write_text(study.yaml())
    assert BEFORE in write_study_report(place).read_text()
    assert BEFORE in place.markdown.read_text()
