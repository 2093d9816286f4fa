"""Rule and Finding: judgement on a history. Knows numbers and names, never tensors."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from steadygan.history import History
from steadygan.parts import Part

Severity = Literal["info", "warning", "failure"]


@dataclass(frozen=True)
class Evidence:
    """One number that speaks for a finding.

    Attributes:
        series: its name in the history.
        value: what was read.
        threshold: what it was held against.
        window: over how many steps.
    """

    series: str
    value: float
    threshold: float
    window: int


@dataclass(frozen=True)
class Finding:
    """What is going wrong, since when, on what evidence, and what to do about it.

    Attributes:
        rule: the name of the rule that speaks.
        verdict: the headline in capitals, such as `DISCRIMINATOR-WINS`.
        severity: `info` is worth knowing, `warning` is worth watching, `failure` has harmed the run.
        step: the step at which it was found.
        reason: one sentence in plain words.
        advice: what to change, in the keys of the user's own config.
        evidence: the numbers behind it.
    """

    rule: str
    verdict: str
    severity: Severity
    step: int
    reason: str
    advice: str
    evidence: tuple[Evidence, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The plain mapping that is written as one line of `findings.jsonl`, `step` first."""
        return {"step": self.step, **{key: value for key, value in asdict(self).items() if key != "step"}}

    @classmethod
    def of(cls, mapping: dict[str, Any]) -> "Finding":
        """The finding that `as_dict` wrote."""
        return cls(**{**mapping, "evidence": tuple(Evidence(**evidence) for evidence in mapping["evidence"])})


class Rule(Part):
    """Judges a history. A missing series is a missing vote, never an error."""

    def check(self, history: History) -> Finding | None:
        """A finding at the newest step of `history`, or None."""
        raise NotImplementedError
