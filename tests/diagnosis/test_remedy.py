"""Remedies: with options for whoever has our config, in plain words for everybody else."""

import ast
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from steadygan import diagnosis
from steadygan.config import Config
from steadygan.diagnosis import Cause, Finding, judge
from steadygan.diagnosis.causes import FAST_GENERATOR, MOMENTUM, SLOW_GENERATOR, STARVED, STRONG_DISCRIMINATOR, UNREGULARIZED
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.remedy import advice, elsewhere, fitted, plainly, told
from steadygan.history import History
from steadygan.monitoring.updates import momentum
from steadygan.training.optimizers import OPTIMIZERS

FINGERPRINTS = (FAST_GENERATOR, MOMENTUM, SLOW_GENERATOR, STARVED, STRONG_DISCRIMINATOR, UNREGULARIZED)
RULES_AND_ALL = [path for path in sorted(Path(diagnosis.__file__).parent.glob("*.py")) if path.stem != "remedy"]
OURS = ("--set", "`", "optimizer.", "stabilizers", "checkpoints/safe", "today's", "()", " .", " ,")


def finding(causes, text=""):
    return Finding("mine", "MINE", "warning", 1, "It swings.", text or advice(causes), causes=causes)


@pytest.mark.parametrize("rate", [None, 0.0004])
@pytest.mark.parametrize("one", FINGERPRINTS, ids=lambda one: one.name)
def test_nothing_of_our_config_is_left_in_plain_words(one, rate):
    record = {"step": 1} if rate is None else {"step": 1, "learning_rate/generator": rate}
    cause = Cause(one.name, "", one.advice, one.settings(History([record])))
    plain = plainly(finding((cause,)))
    for text in (plain.advice, *(cause.advice for cause in plain.causes)):
        assert text
        assert not [word for word in OURS if word in text]
    assert all(cause.settings == () for cause in plain.causes)
    if rate and any("learning_rate" in setting for setting in cause.settings):
        assert "generator's learning rate = 0.00" in plain.advice


def test_nothing_of_our_config_is_left_in_any_failure(failure):
    _, history = failure
    known = [{**record, "learning_rate/generator": 1e-4, "learning_rate/discriminator": 2e-4} for record in history]
    bare = [{name: value for name, value in record.items() if "learning_rate" not in name} for record in history]
    for records in (known, bare):
        for found in judge(History(records)):
            text = plainly(found).advice
            assert not [word for word in OURS if word in text], text


@pytest.mark.parametrize("path", RULES_AND_ALL, ids=lambda path: path.stem)
def test_whatever_a_rule_says_of_our_config_has_other_words(path):
    """Every text in the rules that names a key between backticks or a place in our run directory."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in notes]
    for text in texts:
        if isinstance(text, str):
            plain = elsewhere(text)
            assert "`" not in plain, text
            assert "checkpoints/" not in plain, text


def test_the_rest_of_a_finding_stays():
    causes = (Cause("momentum", "cosine 0.9", "Let them forget", ("discriminator.optimizer.beta1=0.0",)),)
    one = finding(causes, "My own words, with --set discriminator.optimizer.beta1=0.0.")
    plain = plainly(one)
    assert plain.advice == "My own words, with discriminator's beta1 or momentum = 0.0."
    assert plain.causes[0].advice == "Let them forget (discriminator's beta1 or momentum = 0.0)."
    assert (plain.rule, plain.reason, plain.causes[0].reason) == (one.rule, one.reason, "cosine 0.9")
    assert plainly(plain) == plain


def test_options_are_what_a_shell_gives_to_the_command_line():
    cause = Cause("a", "", "Add r1", ("stabilizers+={name: r1, gamma: 0.1}", "loss=hinge"))
    assert shlex.split(told(cause).rstrip("."))[2:] == ["--set", "stabilizers+={name: r1, gamma: 0.1}", "--set", "loss=hinge"]
    unknown = Cause("a", "", "Let it learn slower", ("generator.optimizer.learning_rate=(today's times 0.1)",))
    assert told(unknown) == "Let it learn slower"


def test_options_are_settings_of_a_config(tmp_path):
    from steadygan.recipes import RECIPES

    config = RECIPES["ring"]()
    history = History([{"step": 1, "learning_rate/generator": 0.004, "learning_rate/discriminator": 0.004}])
    for one in FINGERPRINTS:
        config.changed(one.settings(history))
    assert np.isclose(config.changed(FAST_GENERATOR.settings(history)).generator.optimizer.learning_rate, 0.0004)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Nothing of ours.", "Nothing of ours."),
        (
            "Halve it, --set generator.optimizer.learning_rate=1e-05; go on.",
            "Halve it, generator's learning rate = 1e-05; go on.",
        ),
        ("A loss (--set loss=non_saturating).", "A loss (the non-saturating loss)."),
        ("Halve it: --set generator.optimizer.learning_rate=(today's times 0.5). Go on.", "Halve it. Go on."),
    ],
)
def test_elsewhere(text, plain):
    assert elsewhere(text) == plain


def test_momentum_goes_by_the_name_that_each_optimizer_has_for_it():
    asked = finding((MOMENTUM.cause(Course(History([{"step": 1}]))), Cause("chance", "", "Go back")))
    adam, sgd, rmsprop = ["learning_rate", "beta1", "beta2"], ["learning_rate", "momentum"], ["learning_rate", "alpha"]
    assert fitted(asked, {"discriminator": adam, "generator": adam}) == asked
    assert fitted(asked, {}) == asked
    mixed = fitted(asked, {"discriminator": sgd, "generator": adam})
    assert mixed.causes[0].settings == ("discriminator.optimizer.momentum=0.0", "generator.optimizer.beta1=0.0")
    assert "--set discriminator.optimizer.momentum=0.0 --set generator.optimizer.beta1=0.0." in mixed.advice
    half = fitted(asked, {"discriminator": sgd, "generator": rmsprop})
    assert half.causes[0].settings == ("discriminator.optimizer.momentum=0.0",)
    none = fitted(asked, {"discriminator": rmsprop, "generator": rmsprop})
    assert (none.causes, none.advice) == (asked.causes[1:], "Go back")


def test_what_has_nothing_to_do_with_optimizers_stays():
    causes = (
        UNREGULARIZED.cause(Course(History([{"step": 1}]))),
        Cause("fast", "", "", ("generator.optimizer.learning_rate=1",)),
    )
    asked = finding(causes, "My own words, with --set discriminator.optimizer.beta1=0.0.")
    assert fitted(asked, {"discriminator": ["momentum"], "generator": ["learning_rate"]}) == asked
    assert fitted(finding(()), {"discriminator": [], "generator": []}) == finding(())


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_of_ours_can_be_told_to_forget_or_has_nothing_to_forget(name):
    """What `fitted` leaves makes a config in which neither player keeps anything of its last update."""
    config = Config.of({"data": "ring", **{player: {"optimizer": name} for player in ("discriminator", "generator")}})
    found = fitted(finding((MOMENTUM.cause(Course(History([{"step": 1}]))),)), config.optimizer_settings)
    changed = config.changed([setting for cause in found.causes for setting in cause.settings])
    for player in (changed.discriminator, changed.generator):
        assert momentum(player.optimizer.build([nn.Parameter(torch.zeros(2, 2))])) == 0
