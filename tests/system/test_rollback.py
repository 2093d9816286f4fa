"""What a run does of its own accord about a finding: stop, or go back and try one remedy after the other."""

import json
from pathlib import Path

import hasty
import pytest
import yaml

from steadygan.config import Config
from steadygan.diagnosis import Cause, Finding
from steadygan.launch import reopen, start, train
from steadygan.rollback import Interventions
from steadygan.run import Run
from steadygan.spectral import SpectralNorm


@pytest.fixture
def config():
    def make(
        cures: tuple[str, ...] = ("generator.optimizer.learning_rate=0.0001",), delay: int = 0, **settings: object
    ) -> Config:
        rule = {"name": f"{hasty.__file__}:Hasty", "cures": list(cures), "delay": delay}
        return Config.of(
            {
                "data": {"name": "ring", "count": 400},
                "network": {"name": "mlp", "width": 8},
                "stabilizers": [{"name": "spectral_norm", "coefficient": 2.0}],
                "steps": 30,
                "batch_size": 16,
                "precision": "float32",
                "threads": 1,
                "monitoring": {"every": 2, "samples_every": 100},
                "evaluation": {"every": 0, "n": 50, "extractor": {"name": "points"}, "metrics": ["frechet"]},
                "checkpoints": {"every": 4},
                "generator": {"optimizer": {"name": "adam", "learning_rate": 1e-2}},
                "rules": [rule],
                "rollback": {"probation": 8},
                **settings,
            }
        )

    return make


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_by_default_it_is_only_told(config, tmp_path):
    outcome = train(config(), tmp_path / "run")
    assert (outcome.step, outcome.verdict, outcome.exit_code) == (30, "HASTY", 3)
    assert not (tmp_path / "run" / "interventions.jsonl").exists()


@pytest.mark.parametrize("asked", ["HASTY", "any"])
def test_it_stops_when_asked_to(config, tmp_path, asked):
    outcome = train(config(on_finding={asked: "stop"}), tmp_path / "run")
    assert (outcome.step, outcome.stopped_by, outcome.exit_code, outcome.interrupted) == (12, "HASTY", 3, False)


def test_it_goes_back_and_on_with_the_remedy(config, tmp_path):
    run = tmp_path / "run"
    outcome = train(config(on_finding={"HASTY": "rollback"}), run)
    assert (outcome.step, outcome.verdict, outcome.exit_code) == (30, "HEALTHY", 0)
    tried, kept = lines(run / "interventions.jsonl")
    assert (tried["step"], tried["to"], tried["state"]) == (12, 4, "probation")  # 8 was not yet known to be safe
    assert tried["settings"] == ["generator.optimizer.learning_rate=0.0001"]
    assert (kept["step"], kept["state"]) == (12, "kept")
    steps = [record["step"] for record in lines(run / "history.jsonl")]
    assert steps == list(range(2, 31, 2))
    assert [record["step"] for record in lines(run / "abandoned.jsonl")] == [6, 8, 10, 12]
    rates = [record["learning_rate/generator"] for record in lines(run / "history.jsonl")]
    assert rates[:2] == [1e-2] * 2
    assert rates[2:] == [1e-4] * 13
    assert yaml.safe_load((run / "config.yaml").read_text())["generator"]["optimizer"]["learning_rate"] == 1e-4
    assert yaml.safe_load((run / "config.asked.yaml").read_text())["generator"]["optimizer"]["learning_rate"] == 1e-2


def test_a_remedy_in_vain_is_taken_back_and_the_next_one_tried(config, tmp_path):
    run = tmp_path / "run"
    cures = ("discriminator.optimizer.beta1=0.5", "generator.optimizer.learning_rate=0.0001")
    outcome = train(config(cures, on_finding={"any": "rollback"}), run)
    assert outcome.verdict == "HEALTHY"
    assert [one["state"] for one in lines(run / "interventions.jsonl")] == ["probation", "reverted", "probation", "kept"]
    ended = Config.of({**yaml.safe_load((run / "config.yaml").read_text()), "rules": []})
    assert (ended.discriminator.optimizer.beta1, ended.generator.optimizer.learning_rate) == (0.0, 1e-4)


def test_it_tries_no_more_often_than_it_may(config, tmp_path):
    run = tmp_path / "run"
    cures = tuple(f"discriminator.optimizer.beta1={beta}" for beta in (0.1, 0.2, 0.3))
    outcome = train(config(cures, on_finding={"any": "rollback"}, rollback={"at_most": 2, "probation": 8}), run)
    assert (outcome.step, outcome.verdict, outcome.exit_code) == (30, "HASTY", 3)
    assert [one["state"] for one in lines(run / "interventions.jsonl")] == ["probation", "reverted"] * 2


def test_a_remedy_that_does_not_fit_is_left_out(config, tmp_path):
    run = tmp_path / "run"
    cures = ("network.width=16", "generator.optimizer.learning_rate=0.0001")
    assert train(config(cures, on_finding={"any": "rollback"}), run).verdict == "HEALTHY"
    assert "cannot be tried" not in (run / "interventions.jsonl").read_text()
    assert [one["state"] for one in lines(run / "interventions.jsonl")] == ["probation", "reverted", "probation", "kept"]


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
def test_momentum_that_another_optimizer_has_not_is_passed_over(config, tmp_path, optimizer):
    """SGD has it by another name, RMSProp not at all: there the next cause comes, and no return is spent."""
    cures = ("generator.optimizer.beta1=0.0", "generator.optimizer.learning_rate=0.0001")
    player = {"optimizer": {"name": optimizer, "learning_rate": 1e-2}}
    run = stopped_on_probation(config(cures, on_finding={"any": "rollback"}, generator=player), tmp_path / "run")
    found = "generator.optimizer.momentum=0.0" if optimizer == "sgd" else cures[1]
    assert [(one.settings, one.state) for one in run.interventions.done] == [((found,), "probation")]
    assert "beta1" not in (tmp_path / "run" / "findings.jsonl").read_text()


def test_what_cannot_be_tried_costs_no_return(config, tmp_path):
    cures = ("stabilizers.r1.gamma=1", "generator.optimizer.learnin_rate=1", "generator.optimizer.learning_rate=0.0001")
    run = tmp_path / "run"
    asked = config(cures, on_finding={"any": "rollback"}, rollback={"at_most": 1, "probation": 8})
    assert train(asked, run).verdict == "HEALTHY"
    told = [(one["cause"], one["state"], one["tried"]) for one in lines(run / "interventions.jsonl")]
    assert told == [
        *[("cause 0", "probation", True), ("cause 0", "reverted", False)],
        *[("cause 2", "probation", True), ("cause 2", "kept", True)],
    ]
    assert "HASTY at step 12: stabilizers.r1.gamma=1 (cause 0) cannot be tried" in (run / "log.txt").read_text()


def stopped_on_probation(config: Config, out: Path) -> Run:
    """The run as it stands right after its first return."""
    run = start(config, out)
    for event in run.play():
        if event.kind == "note":
            run.stop()
    return run


def test_remedies_reach_the_optimizer_and_the_normalization(config, tmp_path):
    cures = ("stabilizers.spectral_norm.coefficient=5.0",)
    run = stopped_on_probation(config(cures, on_finding={"any": "rollback"}), tmp_path / "run")
    assert set(SpectralNorm.of(run.game.state.networks.discriminator).coefficient.values()) == {5.0}
    other = stopped_on_probation(config(("generator.optimizer.beta1=0.7",), on_finding={"any": "rollback"}), tmp_path / "other")
    assert other.game.state.optimizers[1].param_groups[0]["betas"][0] == 0.7


def test_when_nothing_is_left_the_run_goes_on_as_it_was_asked_for(config, tmp_path):
    run = tmp_path / "run"
    cures = ("discriminator.optimizer.beta1=0.1",)
    outcome = train(config(cures, on_finding={"any": "rollback"}), run)
    assert (outcome.step, outcome.verdict) == (30, "HASTY")
    tried = lines(run / "interventions.jsonl")
    assert [(one["cause"], one["state"]) for one in tried] == [
        *[("cause 0", "probation"), ("cause 0", "reverted")],
        *[("chance", "probation"), ("chance", "reverted")],  # nothing changed: whatever happened may have been chance
    ]
    assert Config.of({**yaml.safe_load((run / "config.yaml").read_text()), "rules": []}).discriminator.optimizer.beta1 == 0.0
    assert [record["step"] for record in lines(run / "history.jsonl")] == list(range(2, 31, 2))
    assert len(lines(run / "abandoned.jsonl")) == 3 * 4  # three times back from 12 to 4
    assert "nothing is left to try: back to step 4" in (run / "log.txt").read_text()


def test_a_cause_without_a_setting_is_answered_by_a_mere_return(config, tmp_path):
    run = stopped_on_probation(config((), on_finding={"any": "rollback"}), tmp_path / "run")
    assert [(one.cause, one.settings) for one in run.interventions.done] == [("chance", ())]


def test_what_was_in_vain_or_is_in_force_is_not_tried_again_but_a_return_that_was_enough_is(config):
    remedy = Cause("fast", "", "", ("generator.optimizer.learning_rate=0.0001",))
    finding = Finding("hasty", "HASTY", "failure", 12, "It is.", "", causes=(remedy,))
    tried = Interventions(config(rollback={"at_most": 9}))
    for found in (False, False, True):  # kept, kept, in vain
        assert tried.next(finding, 4)
        tried.settle(10_000, found)
    assert [(one.cause, one.state) for one in tried.done] == [("fast", "kept"), ("chance", "kept"), ("chance", "reverted")]
    assert tried.next(finding, 4) is None


def test_what_is_reached_on_probation_is_not_safe(config, tmp_path):
    """A remedy in vain under which the finding comes late: the run goes back to where it was well before the first one."""
    cures, often = ("discriminator.optimizer.learning_rate=0.0005",), {"every": 2}
    train(config(cures, 6, on_finding={"any": "rollback"}, checkpoints=often, rollback={"probation": 20}), tmp_path / "run")
    tried = [one for one in lines(tmp_path / "run" / "interventions.jsonl") if one["state"] == "probation"]
    assert [(one["step"], one["to"]) for one in tried] == [(12, 8), (18, 8)]


def test_resuming_goes_on_with_the_remedy_and_its_probation(config, tmp_path):
    run = tmp_path / "run"
    first = start(config(on_finding={"any": "rollback"}), run)
    for event in first.play():
        if event.kind == "note":
            first.stop()
    assert first.interventions.on_probation
    second = reopen(run)
    assert second.interventions.on_probation
    assert second.config.generator.optimizer.learning_rate == 1e-4
    assert second.asked.generator.optimizer.learning_rate == 1e-2
    for _ in second.play():
        pass
    assert second.interventions.done[0].state == "kept"
