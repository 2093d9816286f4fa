"""Throttle: reads the costly probes less often where all of them together take more time than they may."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch

MOST = 16  # readings from one to the next of the costliest
NEWEST = 3  # times that a price is the median of: one slow reading decides nothing
ALL = "all"  # the price of what every reading takes, such as making the fakes


class Throttle:
    """Decides which probe is due at a reading, by what probes took and what training took between the newest readings.

    While they take more than their share, the one that costs most for each reading is read half as often as before, down to
    every 16th reading. One that takes no more than its fair part of the budget is always read. Once there is room again, the
    intervals shrink. Nothing here touches training; series have gaps, that is all.

    Args:
        budget: seconds of probes for each second between readings, above 0.
        notes: of the checkpoint it goes on from, or none.
        clock: seconds, rising.
    """

    def __init__(
        self, budget: float, notes: Mapping[str, Any] | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        notes = notes or {}
        self.budget, self.clock = budget, clock
        self.intervals: dict[str, int] = dict(notes.get("intervals", {}))
        self.prices: dict[str, list[float]] = {name: list(prices) for name, prices in notes.get("prices", {}).items()}
        self.between: list[float] = list(notes.get("between", []))
        self.told: bool = notes.get("told", False)
        self._known = set(self.prices)  # by a first reading, which also sets up what lasts for the whole run
        self._since: float | None = None

    def notes(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"intervals": self.intervals, "prices": self.prices, "between": self.between, "told": self.told}

    def due(self, name: str, number: int) -> bool:
        """Whether a probe is read at reading `number`."""
        return number % self.intervals.get(name, 1) == 0

    @contextmanager
    def reading(self, device: torch.device) -> Iterator[None]:
        """Within it, all probes that are due are read; afterwards it is decided which are due next."""
        wait_for(device)  # what it still owes to training is not the probes' time
        if self._since is not None:
            self.between = [*self.between, self.clock() - self._since][-NEWEST:]
        yield
        self._decide()
        self._since = self.clock()

    @contextmanager
    def paying(self, name: str) -> Iterator[None]:
        """Within it, time is that of the probe `name`."""
        start = self.clock()
        yield
        if name in self._known:
            self.prices[name] = [*self.prices.get(name, []), self.clock() - start][-NEWEST:]
        self._known.add(name)

    def _decide(self) -> None:
        """The shortest intervals that keep to the budget, as far as prices are known."""
        if not self.between:
            return
        room = self.budget * median(self.between)
        costs = {name: median(prices) for name, prices in self.prices.items()}
        self.intervals = dict.fromkeys(costs, 1)
        while sum(cost / self.intervals[name] for name, cost in costs.items()) > room:
            able = {name: cost / self.intervals[name] for name, cost in costs.items() if self.may_wait(name, cost, room)}
            if not able:
                return
            self.intervals[max(able, key=lambda name: able[name])] *= 2

    def may_wait(self, name: str, cost: float, room: float) -> bool:
        """Whether a probe can be read less often than now."""
        return name != ALL and cost > room / len(self.prices) and self.intervals[name] < MOST

    def news(self) -> str:
        """What it does, in a line, the first time that it does something; else ""."""
        rare = ", ".join(f"{name} at one reading in {interval}" for name, interval in self.intervals.items() if interval > 1)
        if not rare or self.told:
            return ""
        self.told = True
        whole = sum(median(prices) for prices in self.prices.values()) / median(self.between)
        return f"all probes would take {whole:.1%} of the time, above monitoring.budget {self.budget:.1%}: {rare}"


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was asked to do."""
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is not None and accelerator.type == device.type:
        torch.accelerator.synchronize(device)
