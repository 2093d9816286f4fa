"""Verdict: what the judge says of a history, in one object and in one line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from steadygan.diagnosis.base import Finding, Rule, recorded
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.judge import DEFAULT_RULES, headline
from steadygan.history import History

Words = Callable[[str], str]
LONGEST = 100  # characters that one line spends on what is not judged


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
        """One line; `not_judged` and `wanting` hold what there is no room for.

        >>> str(Verdict("HEALTHY", 1500, (), {"MODE-COLLAPSE": "fake= and real="}))
        'step 1,500: HEALTHY (not judged: MODE-COLLAPSE needs fake= and real=)'
        """
        blind = in_short(self.wanting())
        reason = next((f": {item.reason}" for item in self.findings if item.verdict == self.word), "")
        return " ".join(f"step {self.step:,}: {self.word}{reason}{f' (not judged: {blind})' if blind else ''}".split())

    def wanting(self) -> dict[str, list[str]]:
        """What is needed -> the verdicts that it is needed for; first what most of them need."""
        groups: dict[str, list[str]] = {}
        for verdict, needs in self.not_judged.items():
            groups.setdefault(needs, []).append(verdict)
        return dict(sorted(groups.items(), key=lambda group: -len(group[1])))

    def as_dict(self) -> dict[str, Any]:
        """The plain mapping that is written as `outcome.json`."""
        blind = [{"verdict": verdict, "needs": needs} for verdict, needs in self.not_judged.items()]
        findings = [finding.as_dict() for finding in self.findings]
        head = {"verdict": self.word, "confidence": self.confidence, "first_step": self.first_step, "step": self.step}
        return {**head, "findings": findings, "not_judged": blind}

    @classmethod
    def of(
        cls,
        findings: Sequence[Finding],
        history: History | Course,
        step: int,
        words: Words = str,
        rules: Sequence[Rule] = DEFAULT_RULES,
    ) -> "Verdict":
        """The verdict on a history. Where no rule has anything to read it stays WARMING-UP: silence is no health.

        Args:
            findings: of the judge.
            history: that it judged.
            step: the newest.
            words: what to call a series that is missing.
            rules: that it was judged by.
        """
        course = Course.of(history)
        blind = not_judged(course.history, rules, words)
        word = headline(findings, course)
        word = "WARMING-UP" if word == "HEALTHY" and "NON-FINITE" in blind else word
        behind = [finding for finding in findings if finding.verdict == word]
        first = min((finding.step if finding.since is None else finding.since for finding in behind), default=None)
        confidence = max((finding.confidence for finding in behind if finding.confidence is not None), default=None)
        return cls(word, step, tuple(findings), blind, confidence, first)


def in_short(groups: Mapping[str, Sequence[str]]) -> str:
    """Who needs what, as much of it as one line has room for.

    >>> in_short({"fake=": ["MODE-COLLAPSE", "SLOW-SLIDE"], "held_out_logits=": ["DISCRIMINATOR-OVERFITS"]})
    'MODE-COLLAPSE, SLOW-SLIDE need fake=; DISCRIMINATOR-OVERFITS needs held_out_logits='
    """
    said = [f"{', '.join(names)} need{'s' if len(names) == 1 else ''} {needs}" for needs, names in groups.items()]
    whole, left = "; ".join(said), sum(map(len, [*groups.values()][1:]))
    return whole if len(whole) <= LONGEST or not left else f"{said[0]}; and {left} more"


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
    """The series that a rule misses, each choice once: `(a or b) and c`."""
    choices = [choice for choice in rule.needs if not any(recorded(history, name) for name in choice)]
    said = list(dict.fromkeys(" or ".join(dict.fromkeys(words(name) for name in choice)) for choice in choices or rule.needs))
    return " and ".join(f"({one})" if " or " in one and len(said) > 1 else one for one in said)
