"""The card on runs whose every number is known: one sick in each way, one stable, one falsely alarmed."""

import json

import pytest
from typer.testing import CliRunner

from steadygan.card.card import card
from steadygan.card.replay import replay
from steadygan.card.runs import load
from steadygan.card.scores import Heard
from steadygan.cli import app
from steadygan.errors import DataError, UsageError
from steadygan.share import Share


@pytest.fixture
def directory(keep, tmp_path):
    keep("ring/told", alarm=40, sick=42)
    keep("ring/missed", sick=42)
    keep("grid/stable")
    keep("grid/false", alarm=30)
    keep("grid/spiked", alarm=41, sick=42, injected=2060)
    keep("grid/fitted", alarm=40, sick=42, part="fit")
    return tmp_path


def table(made, title):
    return next(one for one in made.tables if one.title == title).rows


def test_shares_count_what_they_say(directory):
    made = card(directory)
    assert (made.runs, made.sick, made.stable, made.seeds) == (5, 3, 2, 1)
    row = table(made, "by data set")["all"]
    assert row["detected"] == Share(2, 3)
    assert row["false alarms"] == Share(1, 2)
    assert row["headline right"] == Share(2, 2)
    assert row["false in 1,000 steps"] == pytest.approx(1 / 6, abs=1e-3)
    assert table(made, "by data set")["grid"]["detected"] == Share(1, 1)


def test_an_injection_is_flagged_within_its_steps(directory):
    row = table(card(directory), "by injection")["spike"]
    assert row["harmful, flagged"] == Share(1, 1)
    assert row["harmless, flagged"] == Share(0, 0)
    assert row["delay"] == 2100 - 2060


def test_a_lead_is_the_steps_from_the_alarm_to_the_truth(directory):
    row = table(card(directory), "lead in steps")["oscillation"]
    assert row["lead"] == 2150 - 2075  # the truth of both fails at 2,150; they are told at 2,050 and 2,100
    assert row["where it developed"] == 100  # the injected one fails at once


def test_each_verdict_has_its_own_errors(directory):
    row = table(card(directory), "by verdict")["OSCILLATION"]
    assert row["named"] == Share(2, 3)
    assert row["right when given"] == Share(2, 3)
    assert row["false alarms"] == Share(1, 2)


def test_rules_of_thumb_are_judged_on_the_same_runs(directory):
    row = table(card(directory), "rules of thumb")["discriminator's loss below 0.1"]
    assert row == {"detected": Share(2, 3), "false alarms": Share(1, 2)}


def test_fewer_signals_judge_less(directory):
    rows = table(card(directory), "by signals")
    assert rows["all"]["detected"] == rows["no samples"]["detected"] == Share(2, 3)
    assert rows["losses, logits, accuracies, gradient norms"]["detected"] == Share(0, 3)


def test_only_the_parts_asked_for_are_read(directory):
    assert card(directory, ["fit"]).runs == 1
    assert card(directory, ["fit", "sealed"]).runs == 6


def test_an_alarm_long_before_the_truth_is_no_detection(keep):
    heard = Heard.of(replay(load(keep("ring/early", alarm=20, sick=42))))
    assert heard.at == 1950  # it stands since 1,050; what counts is that it stands 200 steps before


def test_progress_ends_at_the_end(directory):
    told = []
    card(directory, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (25, 25)
    assert [done for done, _ in told] == list(range(1, 26))


def test_the_command_prints_tables_and_plain_numbers(directory):
    text = CliRunner().invoke(app, ["doctor-card", str(directory)]).stdout
    assert "5 runs of the part sealed" in text
    assert "0.67 of 3" in text
    plain = json.loads(CliRunner().invoke(app, ["doctor-card", str(directory), "--json"]).stdout)
    assert plain["by data set"]["all"]["detected"] == {"share": 0.667, "from": 0.208, "to": 0.939, "n": 3}


def test_no_runs_are_an_error(tmp_path):
    with pytest.raises(DataError, match="no such directory"):
        card(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no labelled run of sealed"):
        card(tmp_path)


def test_an_unknown_part_is_an_error(directory):
    with pytest.raises(UsageError, match="no part 'test'"):
        card(directory, ["test"])


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_a_broken_file_is_named(directory, content):
    (directory / "ring" / "broken.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.npz: no labelled run"):
        card(directory)
