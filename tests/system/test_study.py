"""`steadygan study` and `steadygan compare`, from the command line to the page."""

import json

import pytest
import yaml
from study_cells import METRICS, SETTINGS

from steadygan.cli import compare
from steadygan.study import comparison
from steadygan.study.claims import claims, study_named
from steadygan.study.configs import Configs
from steadygan.study.enough import least_seeds
from steadygan.study.place import StudyDirectory
from steadygan.study.result import Result, read_results, write_results
from steadygan.study.study import read_study

MINE = {
    "name": "mine",
    "title": "Is it steadier?",
    "base": {"recipe": "ring", "set": list(SETTINGS)},
    "arms": {"none": ["stabilizers=[]"], "sn": []},
    "seeds": 2,
    "metrics": METRICS,
    "rules": [{"a": "sn", "b": "none", "metric": "quality"}],
}


@pytest.fixture
def study_file(tmp_path):
    """Writes a study with some changes: settings -> the name of the file."""

    def write(**changes):
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(MINE | changes), encoding="utf-8")
        return "mine.yaml"

    return write


@pytest.mark.parametrize(("claim", "tier"), [(claim.name, tier) for claim in claims() for tier in claim.tiers])
def test_every_tier_of_every_claim_has_configs(claim, tier):
    study = study_named(claim, tier)
    assert study.rules
    assert study.title
    assert study.about
    assert study.limits
    assert len(list(Configs(study).all())) == len(list(study.pairs()))
    assert len(study.seeds) >= least_seeds(study), "its rules could not be upheld by anything"


def test_the_twelve_claims():
    assert [claim.letter for claim in claims()] == list("abcdefghijkl")
    assert all(claim.tiers == ("s", "m", "l") for claim in claims())


def test_list(steadygan):
    code, out, _ = steadygan("study", "list", "--json")
    assert code == 0
    assert {each["name"] for each in json.loads(out)} == {claim.name for claim in claims()}
    assert "robustness" in steadygan("study", "list")[1]


def test_plan_says_what_there_is_to_run(steadygan, study_file):
    code, out, _ = steadygan("study", "plan", study_file())
    assert code == 0
    assert "2 arms x 1 settings x 2 seeds = 4 cells, 4 of them to be run" in out
    assert "2 seeds are too few for all rules to be upheld, whatever they show" in out
    assert "--seeds 6" in out
    assert "too few" not in steadygan("study", "plan", study_file(), "--seeds", "6")[1]
    told = json.loads(steadygan("study", "plan", study_file(), "--seeds", "9", "--json")[1])
    assert told["cells"] == 18
    assert set(told["seconds"]) == {"none", "sn"}
    assert told["disk_bytes"] > 18 * 100_000


def test_a_claim_can_be_printed_as_a_file_of_ones_own(steadygan, tmp_path):
    code, out, _ = steadygan("study", "plan", "sn-in-generator", "--yaml")
    assert code == 0
    (tmp_path / "own.yaml").write_text(out, encoding="utf-8")
    own, claim = study_named(str(tmp_path / "own.yaml")), study_named("sn-in-generator", "s")
    assert own == claim


def test_plan_names_a_pair_that_cannot_be(steadygan, study_file):
    arms = {"none": ["stabilizers=[]"], "both": ["stabilizers=[spectral_norm, weight_norm]"]}
    code, out, _ = steadygan("study", "plan", study_file(arms=arms, rules=[]))
    assert code == 0
    assert "impossible: both at as-is: " in out
    code, _, errors = steadygan("study", "run", study_file(arms=arms, rules=[]), "--out", "there")
    assert code == 2
    assert "arm 'both' at setting 'as-is'" in errors


def test_from_a_file_to_a_page_and_on(steadygan, study_file, tmp_path):
    code, out, _ = steadygan("study", "run", study_file(), "--out", "there", "--workers", "1", "--limit", "3")
    assert code == 0
    assert "1 cells are left; the same command goes on" in out
    code, out, _ = steadygan("study", "run", study_file(), "--out", "there", "--workers", "1")
    assert code == 0
    assert "INCONCLUSIVE" in out
    before = read_results(tmp_path / "there" / "results.jsonl").results
    assert len(before) == 4
    code, out, _ = steadygan("study", "show", "there")
    assert code == 0
    assert "quality" in out
    assert "INCONCLUSIVE" in out
    verdict = json.loads((tmp_path / "there" / "verdict.json").read_text())
    assert json.loads(steadygan("study", "show", "there", "--json")[1]) == verdict
    assert verdict["repeatable"]["cells"]
    (tmp_path / "there" / "report.html").unlink()
    assert steadygan("study", "report", "there")[0] == 0
    assert "Is it steadier?" in (tmp_path / "there" / "report.html").read_text()
    code, _, _ = steadygan("study", "run", study_file(), "--out", "there", "--workers", "1", "--seeds", "3")
    after = read_results(tmp_path / "there" / "results.jsonl").results
    assert code == 0
    assert len(after) == 6
    assert "seeds 2 of before are kept" in steadygan("study", "run", study_file(), "--out", "there", "--workers", "1")[1]
    assert read_study(tmp_path / "there" / "study.yaml").seeds == (0, 1, 2)
    assert all(after[cell] == result for cell, result in before.items())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("study", "plan", "robustnes"), "did you mean 'robustness'?"),
        (("study", "plan", "robustness", "--tier", "xl"), "there is no tier 'xl'"),
        (("study", "plan", "nothere.yaml"), "nothere.yaml: there is no such file"),
        (("study", "show", "nothere"), "there is no study here"),
        (("study", "report", "nothere"), "there is no study here"),
        (("compare", "nothere/", "--budget", "5m"), "nothere/"),
        (("compare", "ring", "--budget", "soon"), "'soon' is no time"),
        (("compare", "ring", "--budget", "1s"), "give at least"),
    ],
)
def test_what_cannot_be_done_is_refused(steadygan, arguments, words):
    code, _, errors = steadygan(*arguments)
    assert code == 2
    assert words in errors
    assert "Traceback" not in errors


def test_a_typo_in_a_study_names_the_nearest_key(steadygan, study_file):
    code, _, errors = steadygan("study", "plan", study_file(metrics={"q": {"of": "score/modes", "higher_is_beter": True}}))
    assert code == 2
    assert "mine.yaml: metrics.q.higher_is_beter: there is no such setting" in errors
    assert "higher_is_better" in errors


def test_a_series_that_nothing_has_is_told_once(steadygan, study_file):
    metrics = {"q": {"of": "score/high_qualty", "higher_is_better": True}, "w": {"of": "history/wobble/logit"}}
    code, out, _ = steadygan("study", "run", study_file(metrics=metrics, rules=[]), "--out", "there", "--workers", "1")
    assert code == 0
    assert out.count("q: no score/high_qualty in cell none.as-is.0; there is score/high_quality, score/modes") == 1
    assert out.count("w: no history/wobble/logit in cell none.as-is.0; its cells' history.jsonl have the names") == 1


def test_another_study_in_the_same_place_is_refused(steadygan, study_file):
    assert steadygan("study", "run", study_file(), "--out", "there", "--limit", "1", "--workers", "1")[0] == 0
    code, _, errors = steadygan("study", "run", study_file(name="other"), "--out", "there")
    assert code == 2
    assert "the study 'mine' lives here" in errors
    code, _, errors = steadygan("study", "run", study_file(arms={"none": ["loss=hinge"], "sn": []}), "--out", "there")
    assert code == 2
    assert "other settings" in errors


def test_compare_ends_in_a_recipe(steadygan, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "seeds_for", lambda arms: 2)
    monkeypatch.setattr(comparison, "LEAST_STEPS", 20)
    monkeypatch.setattr(comparison, "priced", lambda study: dict.fromkeys(study.arms, comparison.Price(step=0.05, cell=0.5)))
    code, out, errors = steadygan("compare", "ring", "--budget", "18s", "--out", "there", "--workers", "1")
    assert code == 0, errors
    assert "6 arms x 1 settings x 2 seeds = 12 cells" in out
    assert Configs(read_study(tmp_path / "there" / "study.yaml")).pair("plan", "as-is").steps == 20
    assert "keep plan" in out or "Use " in out
    assert "no rules" not in out
    recipe = yaml.safe_load((tmp_path / "there" / "recipe.yaml").read_text())
    assert recipe["steps"] == recipe["decay"]["horizon"] > 20
    assert steadygan("train", "ring", "--config", "there/recipe.yaml", "--dry-run")[0] == 0
    assert steadygan("compare", "grid", "--out", "there")[0] == 2
    code, _, errors = steadygan("compare", "ring", "--budget", "2h", "--out", "there")
    assert code == 2
    assert "--budget: 2h is asked for, and the budget of the comparison in there is 18s" in errors
    code, out, errors = steadygan("compare", "ring", "--out", "there", "--workers", "1")
    assert code == 0, errors
    assert "6 arms x 1 settings x 2 seeds = 12 cells, 0 of them to be run" in out


def test_a_comparison_that_names_no_recipe_leaves_none(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(comparison, "seeds_for", lambda arms: 2)
    place, study = StudyDirectory(tmp_path / "there"), comparison.study_of("ring", ["plan", "sn_r1"], 300)
    place.create(study)
    write_results(
        place.results, (Result(**vars(cell), state="diverged", values=dict.fromkeys(study.metrics)) for cell in study.cells())
    )
    (place.path / "recipe.yaml").write_text("of fewer seeds")
    compare.say(place, "ring")
    assert "no recipe can be named" in " ".join(capsys.readouterr().out.split())
    assert not (place.path / "recipe.yaml").exists()


def test_compare_begins_with_half_an_hour_where_nothing_is_asked_for(tmp_path, monkeypatch):
    seen = []
    made = comparison.study_of("ring", ["plan"], 300)
    monkeypatch.setattr(comparison, "comparison", lambda data, seconds, workers: seen.append(seconds) or made)
    assert compare.study_in(StudyDirectory(tmp_path / "there"), "ring", None, 1) == made
    assert compare.study_in(StudyDirectory(tmp_path / "there"), "ring", "30m", 1) == made
    assert seen == [1800.0]
    assert (tmp_path / "there" / "budget.txt").read_text() == "30m\n"


def test_plan_says_that_pairs_are_left_out(steadygan, study_file):
    left = [{"arm": "sn", "setting": "slow", "why": "known"}]
    changes = {"settings": {"fast": [], "slow": []}, "leave_out": left, "rules": []}
    code, out, _ = steadygan("study", "plan", study_file(**changes))
    assert code == 0
    assert "2 arms x 2 settings x 2 seeds less 2 left out = 6 cells, 6 of them to be run" in out
