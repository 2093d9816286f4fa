"""A rule that finds fault with a learning rate from some step on, and knows what it should be."""

from typing import Literal

from steadygan.diagnosis import Cause, Finding, Rule
from steadygan.history import History


class Hasty(Rule):
    """The generator learns faster than it should, from some step on."""

    name: Literal["hasty"] = "hasty"
    after: int = 12
    rate: float = 1e-3
    cures: tuple[str, ...] = ("generator.optimizer.learning_rate=0.0001",)
    delay: int = 0  # by which it is found later once the discriminator learns otherwise than at first

    def check(self, history: History) -> Finding | None:
        step, rate = int(history.last("step") or 0), history.last("learning_rate/generator") or 0.0
        of_discriminator = history["learning_rate/discriminator"]
        after = self.after + self.delay * (of_discriminator[-1] != of_discriminator[0])
        if step < after or rate < self.rate:
            return None
        causes = tuple(Cause(f"cause {i}", "", "", (cure,)) for i, cure in enumerate(self.cures))
        return Finding(self.name, "HASTY", "failure", step, "It is.", "", since=step, causes=causes)
