"""Rule and Finding: judgement on a history. Knows numbers and names, never tensors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from steadygan.history import History
from steadygan.parts import Part

Needs = tuple[tuple[str, ...], ...]
Severity = Literal["info", "warning", "failure"]
ORIGINS = {"measured": "labelled runs"}  # where a threshold comes from, for people; `this run` and `chance` say it themselves


@dataclass(frozen=True)
class Evidence:
    """One number that speaks for a finding.

    Attributes:
        series: its name in the history, or that of what was made of several, such as `wobble/logits`.
        value: what was read.
        threshold: what it was held against.
        window: over how many steps.
        origin: where the threshold comes from: `this run`, `chance` (what as many real examples give), or `measured` on the
            labelled runs.
    """

    series: str
    value: float
    threshold: float
    window: int
    origin: str = "measured"


@dataclass(frozen=True)
class Cause:
    """What may be behind a finding, and the remedy for it.

    Attributes:
        name: in a word or two, such as `generator too fast`.
        reason: what in the numbers speaks for it.
        advice: what to change, in plain words.
        settings: the same as assignments to the user's own config, such as `generator.optimizer.learning_rate=0.0001`; empty
            where no setting helps.
    """

    name: str
    reason: str
    advice: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What is going wrong, since when, on what evidence, why, and what to do about it.

    Attributes:
        rule: the name of the rule that speaks.
        verdict: the headline in capitals, such as `DISCRIMINATOR-WINS`.
        severity: `info` is worth knowing, `warning` is worth watching, `failure` has harmed the run.
        step: the step at which it was found.
        reason: one sentence in plain words.
        advice: what to change, in the keys of the user's own config.
        evidence: the numbers behind it.
        since: the step at which it began, as far as the history shows; None where it is not known.
        confidence: share of the labelled runs with this much evidence in which it was true, in 0..1; None where it was never
            measured.
        causes: the likeliest first; `advice` is for that one.
        go_back: the checkpoint to go back to, where there is one.
    """

    rule: str
    verdict: str
    severity: Severity
    step: int
    reason: str
    advice: str
    evidence: tuple[Evidence, ...] = ()
    since: int | None = None
    confidence: float | None = None
    causes: tuple[Cause, ...] = ()
    go_back: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The plain mapping that is written as one line of `findings.jsonl`, `step` first; evidence by series."""
        rest = {key: value for key, value in asdict(self).items() if key not in ("step", "evidence")}
        evidence = {item.series: {k: v for k, v in asdict(item).items() if k != "series"} for item in self.evidence}
        return {"step": self.step, **rest, "evidence": evidence}

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> "Finding":
        """The finding that `as_dict` wrote."""
        evidence = tuple(Evidence(series, **item) for series, item in mapping["evidence"].items())
        causes = tuple(Cause(**{**cause, "settings": tuple(cause["settings"])}) for cause in mapping.get("causes", ()))
        return cls(**{**mapping, "evidence": evidence, "causes": causes})


class Rule(Part):
    """Judges a history. A missing series is a missing vote, never an error.

    `verdict` is the headline that its findings carry, `needs` the series it cannot do without: each a choice of names, of
    which one will do; `sigma/` is any that begins so. Both may be left empty by a rule of one's own.
    """

    verdict: ClassVar[str] = ""
    needs: ClassVar[Needs] = ()

    def can_judge(self, history: History) -> bool:
        """Whether the series that it needs were recorded."""
        return all(any(recorded(history, name) for name in choice) for choice in self.needs)

    def check(self, history: History) -> Finding | None:
        """A finding at the newest step of `history`, or None."""
        raise NotImplementedError


def recorded(history: History, name: str) -> bool:
    """Whether the series, or for a name that ends in a slash any that begins with it, was recorded."""
    return bool(history.names(name)) if name.endswith("/") else name in history
