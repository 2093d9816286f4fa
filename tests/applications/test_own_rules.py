"""By whose rules a run is judged."""

import json

import pytest

from steadygan.applications.diagnosing import Order, diagnose
from steadygan.applications.own_rules import own_optimizers, own_rules
from steadygan.diagnosis import DEFAULT_RULES

MINE = '''
"""A rule of my own."""

from steadygan.diagnosis import Cause, Finding, Rule


class Mine(Rule):
    name: str = "mine"
    limit: float = 0.9

    def check(self, history):
        value = history.last("loss/generator")
        said = "Change it: --set loss=non_saturating."
        causes = (Cause("momentum", "", "", ("generator.optimizer.beta1=0.0",)),)
        return Finding(self.name, "MINE", "failure", 1000, "Too much.", said, causes=causes) if value > self.limit else None
'''


@pytest.fixture
def run(tmp_path):
    """`run(rules)` makes a run's directory whose config says so; None makes none."""

    def make(rules, loss=0.95):
        (tmp_path / "custom").mkdir(exist_ok=True)
        (tmp_path / "custom" / "my.py").write_text(MINE)
        lines = [json.dumps({"step": 50 * i, "loss/generator": loss}) for i in range(1, 41)]
        (tmp_path / "history.jsonl").write_text("\n".join(lines) + "\n")
        if rules is not None:
            (tmp_path / "config.yaml").write_text(rules)
        return tmp_path

    return make


def test_a_rule_of_ones_own_judges_with_its_settings(run):
    (found,) = diagnose(Order(run("rules:\n- name: custom/my.py:Mine\n  limit: 0.92\n")))
    assert found.verdict.word == "MINE"
    assert found.verdict.findings[0].advice == "Change it: --set loss=non_saturating."  # it has a config
    assert any(f"0 of the {len(DEFAULT_RULES)} usual ones, my.py:Mine" in note for note in found.run.notes)
    (found,) = diagnose(Order(run("rules:\n- name: custom/my.py:Mine\n  limit: 0.97\n")))
    assert found.verdict.word == "HEALTHY"


def test_the_usual_ones_need_no_note(run):
    listed = "".join(f"- {json.dumps(rule.spec())}\n" for rule in DEFAULT_RULES)
    for config in (f"rules:\n{listed}", "seed: 1\n"):
        (found,) = diagnose(Order(run(config)))
        assert found.run.notes == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("rules: [custom/none.py:Mine]", "no file"),
        ("rules: [custom/my.py:Other]", "has no Rule named 'Other'"),
        ("rules: [{name: oscilation}]", "no such rule as 'oscilation'"),
        ("rules: 5", "TypeError"),
        ("rules: [{limit: 3}]", "KeyError"),
        ("- 1", "AttributeError"),
        (": :", "could not be loaded"),
    ],
)
def test_where_they_cannot_be_had_the_usual_ones_judge_and_that_is_said(run, config, words):
    rules, notes = own_rules(run(config) / "config.yaml")
    assert rules == DEFAULT_RULES
    assert len(notes) == 1
    assert words in notes[0]
    assert notes[0].endswith("the usual ones judge.")


def test_who_has_no_config_gets_plain_words(run):
    folder = run(None, loss=float("nan"))
    (found,) = diagnose(Order(folder))
    assert found.verdict.word == "NON-FINITE"
    assert "--set" not in json.dumps(found.verdict.as_dict())
    (found,) = diagnose(Order(run("seed: 1", loss=float("nan"))))
    assert "checkpoints/safe" in found.verdict.findings[0].advice


def test_the_checkpoint_to_go_back_to(run):
    folder = run("seed: 1", loss=float("nan"))
    assert diagnose(Order(folder))[0].verdict.findings[0].go_back == ""
    (folder / "checkpoints" / "safe").mkdir(parents=True)
    state = folder / "checkpoints" / "safe" / "state.json"
    state.write_text('{"step": 1500}')
    assert diagnose(Order(folder))[0].verdict.findings[0].go_back == "checkpoints/safe (step 1,500)"
    state.write_text("[")
    assert diagnose(Order(folder))[0].verdict.findings[0].go_back == ""


@pytest.mark.parametrize(
    ("optimizer", "setting"),
    [
        ("{name: adam, learning_rate: 0.1, beta1: 0.5}", ["generator.optimizer.beta1=0.0"]),
        ("{name: sgd, learning_rate: 0.1, momentum: 0.5}", ["generator.optimizer.momentum=0.0"]),
        ("{name: rmsprop, learning_rate: 0.1}", None),
        ("sgd", ["generator.optimizer.beta1=0.0"]),  # written by hand: nothing is known of it
    ],
)
def test_remedies_are_in_the_settings_of_the_runs_own_optimizers(run, optimizer, setting):
    config = f"rules: [{{name: 'custom/my.py:Mine'}}]\ngenerator: {{optimizer: {optimizer}}}\n"
    (found,) = diagnose(Order(run(config)))
    assert [list(cause.settings) for cause in found.verdict.findings[0].causes] == ([] if setting is None else [setting])


@pytest.mark.parametrize("config", ["- 1", ": :", "5", "seed: 1", "generator: 5", "generator: {}", "generator: {optimizer: 3}"])
def test_a_config_that_says_nothing_of_optimizers(run, config):
    assert own_optimizers(run(config) / "config.yaml") == {}
