"""What a monitor makes of the weights: how far and how straight each player went in the last four steps."""

import pytest
import torch
from monitor_games import close, last, watching
from torch import nn
from torch.nn.utils import parameters_to_vector

from steadygan.errors import UsageError
from steadygan.monitoring.updates import Updates


def played(every, steps, wrap=lambda network: network, knows=True):
    """A generator and its monitor, and where its weights were after each step."""
    torch.manual_seed(0)
    generator, discriminator = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)), nn.Linear(2, 1)
    of_g, of_d = torch.optim.Adam(generator.parameters(), 1e-2, (0.6, 0.9)), torch.optim.SGD(discriminator.parameters(), 0.1)
    monitor = watching(every, wrap(generator), wrap(discriminator), optimizers=(of_g, of_d) if knows else None)
    places = [parameters_to_vector(generator.parameters()).detach().double()]
    for _ in range(steps):
        of_g.zero_grad()
        discriminator(generator(torch.randn(8, 3))).mean().backward()
        of_g.step()
        of_d.step()
        places.append(parameters_to_vector(generator.parameters()).detach().double())
        monitor.step()
    return monitor, torch.stack(places)


@pytest.mark.parametrize(
    "wrap",
    [lambda network: network, nn.DataParallel, lambda network: torch.compile(network, backend="eager")],
    ids=["plain", "parallel", "compiled"],
)
def test_updates_are_those_of_the_last_four_steps(wrap):
    monitor, places = played(every=10, steps=20, wrap=wrap)
    moves = places[-4:].diff(dim=0)
    cosine = nn.functional.cosine_similarity(moves[1:], moves[:-1]).mean().item()
    close(
        last(monitor),
        {
            "update_norm/generator": moves.norm(dim=1).square().mean().sqrt().item(),
            "weight_norm/generator": places[-1].norm().item(),
            "update_cosine/generator": cosine,
            "update_coherence/generator": (cosine - 0.6) / 0.4,
        },
        ("update_norm/generator", "weight_norm/generator", "update_cosine/generator", "update_coherence/generator"),
    )
    assert last(monitor)["update_coherence/discriminator"] == last(monitor)["update_cosine/discriminator"]  # no momentum
    assert (last(monitor)["learning_rate/generator"], last(monitor)["learning_rate/discriminator"]) == (1e-2, 0.1)


def test_without_optimizers_there_is_a_cosine_and_no_coherence():
    monitor, _ = played(every=10, steps=10, knows=False)
    assert "update_cosine/generator" in last(monitor)
    assert monitor.history.names("update_coherence/") == monitor.history.names("learning_rate/") == []


def test_a_learning_rate_that_is_given_goes_first():
    networks = nn.Linear(3, 2), nn.Linear(2, 1)
    monitor = watching(1, *networks, optimizers=[torch.optim.SGD(each.parameters(), 0.5) for each in networks])
    monitor.step(scalars={"learning_rate/generator": 0.25})
    assert (last(monitor)["learning_rate/generator"], last(monitor)["learning_rate/discriminator"]) == (0.25, 0.5)


def test_snapshots_are_taken_in_the_last_four_steps_only(monkeypatch):
    looks = []
    monkeypatch.setattr(Updates, "look", lambda self, left: looks.append(left))
    monitor = watching(every=50)
    for _ in range(100):
        monitor.step()
    assert looks == [left for left in (3, 2, 1, 0) * 2 for _ in range(2)]  # both players


@pytest.mark.parametrize(("seldom", "expected"), [(True, []), (False, [20, 30, 40])], ids=["seldom", "never"])
def test_a_discriminator_that_moves_seldom_does_not_stand_still(seldom, expected):
    """Updated in the first of ten steps, and looked at in the last four. One that is never updated is told from the second
    reading on, and then it is dead."""
    generator, discriminator = nn.Linear(3, 2), nn.Linear(2, 1)
    monitor = watching(10, generator, discriminator)
    for step in range(40):
        with torch.no_grad():
            generator.weight.add_(0.1)
            discriminator.weight.add_(0.1 if seldom and step % 10 == 0 else 0.0)
        monitor.step(real_logits=torch.randn(8) + 1, fake_logits=torch.randn(8))
    assert monitor.history.steps("update_norm/discriminator").tolist() == expected
    assert monitor.history["update_norm/discriminator"].sum() == 0
    assert len(monitor.history.steps("weight_norm/discriminator")) == 4
    assert ("DISCRIMINATOR-DEAD" in [finding.verdict for finding in monitor.verdict.findings]) == bool(expected)


def test_layers_that_come_later_are_in_the_window_after():
    generator = nn.Sequential(nn.Linear(3, 2))
    monitor = watching(2, generator)
    for window in range(3):
        for _ in range(2):
            monitor.step()
        if window == 0:
            generator.append(nn.Linear(2, 2))
    sizes = monitor.history["weight_norm/generator"]
    assert sizes[0] == sizes[1]
    assert sizes[2] == pytest.approx(parameters_to_vector(generator.parameters()).norm().item(), rel=1e-5)
    assert sizes[2] > sizes[1]


def test_only_the_optimizers_of_both_in_order_are_taken():
    networks = nn.Linear(3, 2), nn.Linear(2, 1)
    pair = [torch.optim.SGD(each.parameters(), 0.5) for each in networks]
    for wrong in (pair[0], pair[:1], [*pair, pair[0]], ["adam", "adam"], 3, dict(zip("gd", pair, strict=True))):
        with pytest.raises(UsageError, match=r"must be two optimizers; give \(the generator's, the discriminator's\)"):
            watching(1, *networks, optimizers=wrong)
    with pytest.raises(UsageError, match="the first of the optimizers is the discriminator's"):
        watching(1, *networks, optimizers=pair[::-1])
    both = torch.optim.SGD([parameter for each in networks for parameter in each.parameters()], 0.5)
    watching(1, *networks, optimizers=(both, both))  # one for both players


def test_going_back_within_the_last_four_steps_is_no_update():
    discriminator = nn.Linear(2, 1)
    monitor = watching(every=8, discriminator=discriminator)
    for step in range(9):
        if step == 7:  # the seventh step once more
            monitor.rewind(6)
            with torch.no_grad():
                discriminator.weight.add_(10.0)
        with torch.no_grad():
            discriminator.weight.add_(0.01)
        monitor.step()
    assert last(monitor)["step"] == 8
    assert last(monitor)["update_norm/discriminator"] == pytest.approx(0.01 * 2**0.5, rel=1e-3)


@pytest.mark.parametrize("broken", ["look", "read"])
def test_updates_that_cannot_be_read_are_told_once(monkeypatch, broken):
    def fails(self, *arguments):
        raise RuntimeError("no memory")

    monkeypatch.setattr(Updates, broken, fails)
    monitor = watching(every=2)
    for _ in range(8):
        monitor.step(real_logits=torch.randn(8), fake_logits=torch.randn(8))
    told = ["update_norm/generator", "update_norm/discriminator"] if broken == "look" else ["updates"]
    assert list(monitor._reader.notes) == told
    assert len(monitor.history.steps("gap/mean")) == 4
