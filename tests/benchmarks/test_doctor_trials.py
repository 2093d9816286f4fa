"""The benchmarks of remedies and of rollbacks: what is kept, what is tried, and how long a failure lasts."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "doctor"))

from methods import plain_points
from remedies import ARMS, REMEDIES, SICK, SPECTRAL, cells
from rollbacks import BASES, FAILURES, Fault, config_of
from sets import source
from trials import Ledger

from steadygan.assembly import assemble, open_data
from steadygan.rollback import Intervention


def test_half_a_line_of_a_run_that_was_killed_is_made_anew(tmp_path):
    ledger = Ledger("some", tmp_path)
    ledger.add(("a", "nothing", 0), {"state": "sick"})
    with ledger.path.open("a") as file:
        file.write('{"sick": "a", "arm": "noth')
    assert list(Ledger("some", tmp_path).rows) == [("a", "nothing", 0)]


def test_every_remedy_is_a_config_that_can_be_played():
    for sick, arms in ARMS.items():
        config = plain_points(source("ring")).with_(**SICK[sick].method.changes)
        changed = {arm: config.changed(REMEDIES[arm](config)) for arm in arms if REMEDIES[arm](config) != [SPECTRAL]}
        assert all(other != config for arm, other in changed.items() if arm != "nothing")
        assert len({other.yaml() for other in changed.values()}) == len(changed)


def test_the_first_seed_of_every_cell_comes_before_the_second():
    seeds = [seed for _, _, seed in cells(list(SICK), 2)]
    assert seeds == sorted(seeds)


@pytest.fixture(scope="module")
def played():
    config = config_of(BASES["r1"], 0)
    dataset = open_data(config)
    return lambda: assemble(config, dataset)


def rates(run: SimpleNamespace) -> list[float]:
    return [schedule.learning_rate for schedule in run.game.state.schedules]


def test_a_wrong_setting_outlasts_a_return_until_a_remedy_makes_it(played):
    run = SimpleNamespace(game=played(), interventions=SimpleNamespace(done=[]))
    run.measurement = SimpleNamespace(gauge=SimpleNamespace())
    fault = Fault(run, FAILURES["both_lr_x20"], 10, 0)
    fault.look(9)
    assert rates(run) == [2e-3, 2e-3]
    fault.look(10)
    fault.look(11)
    assert rates(run) == pytest.approx([4e-2, 4e-2])
    run.game = played()
    fault.look(5)
    assert rates(run) == pytest.approx([4e-2, 4e-2])
    run.interventions.done.append(Intervention(12, 4, "", "", ("generator.optimizer.learning_rate=0.002",)))
    run.game = played()
    fault.look(5)
    assert rates(run) == pytest.approx([4e-2, 2e-3])


def test_what_befell_the_process_is_gone_after_a_return(played):
    run = SimpleNamespace(game=played(), interventions=SimpleNamespace(done=[]))
    run.measurement = SimpleNamespace(gauge=SimpleNamespace())
    fault = Fault(run, FAILURES["g_deaf"], 10, 0)
    fault.look(10)
    assert len(run.game.method.stabilizers) == 2
    run.game = played()
    fault.look(5)
    assert len(run.game.method.stabilizers) == 1
