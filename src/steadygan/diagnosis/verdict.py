"""Verdict: what the judge says of a history, in one object and in one line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from steadygan.diagnosis.base import Finding, Rule, recorded
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.judge import DEFAULT_RULES, headline
from steadygan.history import History

Words = Callable[[str], str]


@dataclass(frozen=True)
class Verdict:
    """What the judge says, and since when it says so.

    Attributes:
        word: the headline, such as HEALTHY, WARMING-UP or DIVERGENCE.
        step: the step at which it was judged.
        confidence: share of the labelled runs with this much evidence in which the headline was true, in 0..1; None where that
            was never measured.
        first_step: since when the findings behind the headline hold; None for a headline without one.
        findings: what the rules found, worst first; `info` ones tell of what could not be measured.
        not_judged: verdict -> what it needs, for those that nothing measured so far can speak for.
    """

    word: str = "WARMING-UP"
    step: int = 0
    findings: tuple[Finding, ...] = ()
    not_judged: Mapping[str, str] = field(default_factory=dict)
    confidence: float | None = None
    first_step: int | None = None

    @property
    def failed(self) -> bool:
        """Whether a finding is a failure: the run is harmed, and going on as it is helps nobody."""
        return any(finding.severity == "failure" for finding in self.findings)

    def __str__(self) -> str:
        """One line.

        >>> str(Verdict("HEALTHY", 1500, (), {"MODE-COLLAPSE": "fake= and real="}))
        'step 1,500: HEALTHY (not judged: MODE-COLLAPSE needs fake= and real=)'
        """
        blind = "; ".join(f"{verdict} needs {needs}" for verdict, needs in self.not_judged.items())
        reason = next((f": {item.reason}" for item in self.findings if item.verdict == self.word), "")
        return " ".join(f"step {self.step:,}: {self.word}{reason}{f' (not judged: {blind})' if blind else ''}".split())

    def as_dict(self) -> dict[str, Any]:
        """The plain mapping that is written as `outcome.json`."""
        blind = [{"verdict": verdict, "needs": needs} for verdict, needs in self.not_judged.items()]
        findings = [finding.as_dict() for finding in self.findings]
        head = {"verdict": self.word, "confidence": self.confidence, "first_step": self.first_step, "step": self.step}
        return {**head, "findings": findings, "not_judged": blind}

    @classmethod
    def of(cls, findings: Sequence[Finding], history: History | Course, step: int, words: Words = str) -> "Verdict":
        """The verdict on a history. Where no rule has anything to read it stays WARMING-UP: silence is no health.

        Args:
            findings: of the judge.
            history: that it judged.
            step: the newest.
            words: what to call a series that is missing.
        """
        course = Course.of(history)
        blind = not_judged(course.history, words=words)
        word = headline(findings, course)
        word = "WARMING-UP" if word == "HEALTHY" and "NON-FINITE" in blind else word
        behind = [finding for finding in findings if finding.verdict == word]
        first = min((finding.step if finding.since is None else finding.since for finding in behind), default=None)
        confidence = max((finding.confidence for finding in behind if finding.confidence is not None), default=None)
        return cls(word, step, tuple(findings), blind, confidence, first)


def not_judged(history: History, rules: Sequence[Rule] = DEFAULT_RULES, words: Words = str) -> dict[str, str]:
    """Verdict -> what it needs, for every verdict that no rule can give because a series is missing.

    >>> not_judged(History([{"step": 1, "logit/real": 0.5}]))["MODE-COLLAPSE"]
    'cells/js or diversity/pairwise_ratio'
    """
    missing: dict[str, str] = {}
    for rule in rules:
        able = any(other.can_judge(history) for other in rules if other.verdict == rule.verdict)
        if rule.verdict and not able and rule.verdict not in missing:
            missing[rule.verdict] = in_words(history, rule, words)
    return missing


def in_words(history: History, rule: Rule, words: Words) -> str:
    """The series that a rule misses, each choice once: `a or b and c`."""
    choices = [choice for choice in rule.needs if not any(recorded(history, name) for name in choice)]
    said = [" or ".join(dict.fromkeys(words(name) for name in choice)) for choice in choices or rule.needs]
    return " and ".join(dict.fromkeys(said))
