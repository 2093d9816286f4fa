import json

import pytest
import torch

from steadygan.monitoring.throttle import ALL, MOST, Throttle

CPU = torch.device("cpu")


class Game:
    """Readings of probes with given prices, on a clock that nothing else moves."""

    def __init__(self, budget, prices, between=1.0, notes=None):
        self.now, self.prices, self.between, self.number = 0.0, prices, between, 0
        self.throttle = Throttle(budget, notes, lambda: self.now)

    def read(self, first=1.0):
        """The probes that are read; `first` is how many times its price a probe takes."""
        self.now += self.between
        self.number += 1
        seen = []
        with self.throttle.reading(CPU):
            for name, price in self.prices.items():
                if name == ALL or self.throttle.due(name, self.number):
                    with self.throttle.paying(name):
                        self.now += price * first
                    seen.append(name)
        return set(seen) - {ALL}

    def play(self, readings):
        """How often each probe is read."""
        seen = [self.read() for _ in range(readings)]
        return {name: sum(name in names for names in seen) for name in self.prices if name != ALL}


def test_within_the_budget_all_are_read():
    game = Game(0.01, {"a": 0.004, "b": 0.005})
    assert game.play(20) == {"a": 20, "b": 20}
    assert game.throttle.news() == ""


def test_the_costly_one_waits_and_the_cheap_one_never():
    game = Game(0.01, {"cheap": 0.003, "costly": 0.02})
    game.play(4)  # the first is not counted, and after it come two prices and the time between
    assert game.play(16) == {"cheap": 16, "costly": 4}


@pytest.mark.parametrize("prices", [{"a": 0.03, "b": 0.001}, {"a": 0.012, "b": 0.012, "c": 0.004}, {ALL: 0.003, "a": 0.05}])
def test_what_is_spent_keeps_to_the_budget(prices):
    game = Game(0.01, prices)
    game.play(4)
    counts = game.play(64)
    spent = sum(count * prices[name] for name, count in counts.items()) + 64 * prices.get(ALL, 0)
    assert 0.005 < spent / 64 <= 0.01


def test_no_probe_waits_longer_than_the_longest_interval():
    game = Game(0.001, {"a": 10.0, "b": 20.0})
    game.play(4)
    assert game.play(MOST) == {"a": 1, "b": 1}


def test_a_first_reading_sets_things_up_and_has_no_price():
    game = Game(0.01, {"a": 0.005})
    game.read(first=100)
    assert game.play(10) == {"a": 10}


def test_one_slow_reading_decides_nothing():
    game = Game(0.01, {"a": 0.005})
    game.play(4)
    game.read(first=100)
    assert game.play(10) == {"a": 10}


def test_once_there_is_room_again_all_are_read():
    game = Game(0.01, {"a": 0.02})
    game.play(8)
    game.between = 10.0
    game.play(4)
    assert game.play(8) == {"a": 8}


def test_it_says_so_once_also_after_a_checkpoint():
    game = Game(0.01, {"a": 0.001, "b": 0.02, "c": 0.03})
    game.read()
    assert game.throttle.news() == ""
    game.play(4)
    expected = (
        "all probes would take 5.1% of the time, above monitoring.budget 1.0%: b at one reading in 4, c at one reading in 8"
    )
    assert game.throttle.news() == expected
    game.play(4)
    assert game.throttle.news() == ""
    again = Game(0.01, game.prices, notes=json.loads(json.dumps(game.throttle.notes())))
    again.play(8)
    assert again.throttle.news() == ""


def test_a_checkpoint_keeps_what_is_due():
    game = Game(0.01, {"a": 0.001, "b": 0.02})
    game.play(5)
    again = Game(0.01, game.prices, notes=json.loads(json.dumps(game.throttle.notes())))
    again.number = game.number
    assert [again.read() for _ in range(8)] == [game.read() for _ in range(8)]


def test_the_cheap_one_is_read_even_where_nothing_can_keep_to_the_budget():
    game = Game(0.001, {"cheap": 0.0003, "costly": 10.0})
    game.play(4)
    assert game.play(MOST) == {"cheap": MOST, "costly": 1}
