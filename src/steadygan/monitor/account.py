"""Account: the time that watching takes, against the time of the loop that is watched."""

import time
from collections.abc import Callable
from types import TracebackType


class Account:
    """Seconds spent within `with account:`, and seconds since it was first entered.

    What is dear is bought from savings: between two purchases `budget` of the loop's time is put aside, what is cheap is paid
    from it first, and only a price that is covered may be paid. What a purchase took beyond its price is owed to the next.
    So the share stays within the budget as long as the cheap part does, at every point in time and not only in the end.

    Args:
        budget: share of the loop's time, above 0.
        clock: seconds, rising.
    """

    def __init__(self, budget: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self.budget, self.clock = budget, clock
        self.start: float | None = None  # of the loop: its first step
        self._spent, self._entered, self._dear = 0.0, 0.0, 0.0
        self._since, self._paid = 0.0, 0.0  # time, and seconds spent, at the last purchase

    def __enter__(self) -> "Account":
        self._entered = self.clock()
        if self.start is None:
            self.start = self._since = self._entered
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._spent += self.clock() - self._entered

    @property
    def seconds(self) -> float:
        """Of the loop so far."""
        return 0.0 if self.start is None else self.clock() - self.start

    @property
    def share(self) -> float:
        """Of the loop's time that was spent here so far, in 0..1."""
        return self._spent / self.seconds if self.seconds > 0 else 0.0

    @property
    def cheap_share(self) -> float:
        """The same without what was bought."""
        return (self._spent - self._dear) / self.seconds if self.seconds > 0 else 0.0

    def affords(self, price: float) -> bool:
        """Whether `price` seconds have been saved since the last purchase. Asked, like `buy`, within `with account:`."""
        now = self.clock()
        return self._spent + (now - self._entered) - self._paid + price <= self.budget * (now - self._since)

    def buy(self, seconds: float) -> None:
        """Enter a purchase that has just been made and took `seconds`. Savings beyond it are forgotten, debts are not."""
        now = self.clock()
        spent = self._spent + (now - self._entered)
        debt = max(spent - self._paid - self.budget * (now - self._since), 0.0)
        self._since, self._paid = now, spent - debt
        self._dear += seconds
