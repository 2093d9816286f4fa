"""Rule: what one claim says about two arms, written down before the runs; Word: the four things a verdict can be."""

from enum import StrEnum
from math import ceil, log2
from typing import Literal, Self

from pydantic import Field, model_validator

from steadygan.parts import Settings

ALPHA = 0.05  # of the tests, over all the rules of a claim together
LARGEST = {"improvement": 0.5, "failures": 1.0, "stability": 1.0}  # effects that have an end


class Word(StrEnum):
    """What became of a claim. `verdicts.rule_on` and `verdicts.together` hold the exact conditions."""

    SUPPORTED = "SUPPORTED"
    QUALIFIED = "QUALIFIED"
    CONTRADICTED = "CONTRADICTED"
    INCONCLUSIVE = "INCONCLUSIVE"


class Rule(Settings):
    """Arm `a` is better than arm `b` by at least a margin, or the same as `b` within it.

    >>> print(Rule(a="sn", b="none", metric="coverage", measure="stability", margin=0.1))
    sn better than none in stability region of coverage, by at least 0.1
    """

    a: str
    b: str
    metric: str
    measure: Literal["difference", "relative", "improvement", "failures", "stability"] = "difference"
    expect: Literal["better", "same"] = "better"
    margin: float = Field(default=0.0, ge=0)  # in units of the measure; for improvement beyond an even chance
    settings: tuple[str, ...] = ()  # those that count, all where empty

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.a == self.b:
            raise ValueError(f"a and b are the same arm {self.a!r}, compare two")
        if self.expect == "same" and not self.margin:
            raise ValueError("'same' needs a margin above 0: no number of seeds shows two arms alike to the last digit")
        if self.margin > LARGEST.get(self.measure, float("inf")):
            raise ValueError(f"no effect in {self.measure} exceeds {LARGEST[self.measure]}, got a margin of {self.margin}")
        return self

    def __str__(self) -> str:
        where = f" at {', '.join(self.settings)}" if self.settings else ""
        about = f"in {WORDS[self.measure]} of {self.metric}{where}"
        if self.expect == "same":
            return f"{self.a} the same as {self.b} {about}, within {self.margin:g}"
        return f"{self.a} better than {self.b} {about}" + f", by at least {self.margin:g}" * bool(self.margin)


def least_pairs(tests: int) -> int:
    """The pairs that each of so many paired tests needs for all of them to show a difference, if all its pairs agree.

    A test of n pairs has no p below 2^(1 - n), and Holm's correction multiplies the least of t by t.

    >>> least_pairs(1), least_pairs(5)
    (6, 8)
    """
    return ceil(1 + log2(tests / ALPHA))


WORDS = {
    "difference": "interquartile mean",
    "relative": "relative interquartile mean",
    "improvement": "probability of improvement",
    "failures": "failure rate",
    "stability": "stability region",
}
