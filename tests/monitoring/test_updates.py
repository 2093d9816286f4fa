import pytest
import torch
from torch import nn

from steadygan.monitoring.updates import KEPT, PER_WEIGHT, Updates, momentum


def moved(network: nn.Module, directions: list[torch.Tensor]) -> Updates:
    updates = Updates(network)
    updates.look(len(directions))
    for left, direction in enumerate(reversed(directions)):
        with torch.no_grad():
            nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(network.parameters()) + direction, network.parameters())
        updates.look(left)
    return updates


def test_norms_and_cosines_of_a_small_network_are_exact():
    network = nn.Linear(4, 3)
    first, second = torch.zeros(15), torch.zeros(15)
    first[0], second[:2] = 2.0, torch.tensor([1.0, 1.0])
    readings = moved(network, [first, second]).read("generator")
    assert readings["update_norm/generator"] == pytest.approx((0.5 * (4 + 2)) ** 0.5, rel=1e-5)
    assert readings["update_cosine/generator"] == pytest.approx(0.5**0.5, rel=1e-5)
    assert readings["weight_norm/generator"] == pytest.approx(
        nn.utils.parameters_to_vector(network.parameters()).norm().item(), 1e-5
    )


def test_those_of_a_large_one_are_estimated():
    """Of n = 100 * 512 independent entries 512 are looked at: the relative spread of a norm is sqrt(1 / (2 * 512)) = 0.03."""
    torch.manual_seed(0)
    network = nn.Linear(100 * PER_WEIGHT, 1, bias=False)
    direction = torch.randn(100 * PER_WEIGHT)
    readings = moved(network, [direction, -direction]).read("D")
    assert readings["update_norm/D"] == pytest.approx(direction.norm().item(), rel=0.12)
    assert readings["update_cosine/D"] == pytest.approx(-1, abs=1e-5)


def test_all_of_a_weight_is_looked_at():
    """A move of one half of it, whichever half, has the length of a move of 1 in half of the entries."""
    for half in (slice(0, 50 * PER_WEIGHT), slice(50 * PER_WEIGHT, None)):
        direction = torch.zeros(100 * PER_WEIGHT)
        direction[half] = 1.0
        readings = moved(nn.Linear(100 * PER_WEIGHT, 1, bias=False), [direction, direction]).read("D")
        assert readings["update_norm/D"] == pytest.approx((50 * PER_WEIGHT) ** 0.5, rel=1e-4)


def test_momentum_is_taken_off_the_cosine():
    network = nn.Linear(4, 3)
    updates = Updates(network, torch.optim.Adam(network.parameters(), betas=(0.9, 0.99)))
    for left in (2, 1, 0):
        with torch.no_grad():
            network.weight += 1
        updates.look(left)
    readings = updates.read("D")
    assert readings["update_cosine/D"] == pytest.approx(1, abs=1e-6)
    assert readings["update_coherence/D"] == pytest.approx(1, abs=1e-5)
    assert momentum(torch.optim.SGD(network.parameters(), 0.1, momentum=0.5)) == 0.5
    assert momentum(torch.optim.RMSprop(network.parameters())) == 0.0


def test_without_an_optimizer_nobody_knows_what_is_momentum():
    readings = moved(nn.Linear(2, 2), [torch.ones(6), torch.ones(6)]).read("D")
    assert readings["update_cosine/D"] == pytest.approx(1, abs=1e-6)
    assert "update_coherence/D" not in readings


def test_only_the_last_steps_are_looked_at_and_a_checkpoint_keeps_them():
    network = nn.Linear(4, 3)
    first, second = Updates(network), Updates(network)
    for left in range(10, KEPT - 2, -1):
        first.look(left)
    assert len(first.snapshots) == 1
    second.restore(first.notes())
    with torch.no_grad():
        network.weight += 1
    for one in (first, second):
        one.look(0)
    assert first.read("D") == second.read("D")


def test_a_player_that_stands_still_has_no_cosine():
    readings = moved(nn.Linear(2, 2), [torch.zeros(6), torch.zeros(6)]).read("D")
    assert readings["update_norm/D"] == 0
    assert "update_cosine/D" not in readings
