"""judge: what the rules find in a history; headline: the one word for it."""

from collections.abc import Sequence
from dataclasses import replace

from steadygan.diagnosis.base import Finding, Rule
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.data_fault import DataFault
from steadygan.diagnosis.discriminator_dead import DiscriminatorDead
from steadygan.diagnosis.discriminator_overfits import DiscriminatorOverfits
from steadygan.diagnosis.discriminator_wins import DiscriminatorWins
from steadygan.diagnosis.diverging_norms import DivergingNorms
from steadygan.diagnosis.diversity_collapse import DiversityCollapse
from steadygan.diagnosis.fused import starting_now
from steadygan.diagnosis.generator_memorizes import GeneratorMemorizes
from steadygan.diagnosis.measured import precision
from steadygan.diagnosis.mode_collapse import ModeCollapse
from steadygan.diagnosis.non_finite import NonFinite
from steadygan.diagnosis.normalization_not_in_force import NormalizationNotInForce
from steadygan.diagnosis.normalization_too_tight import NormalizationTooTight
from steadygan.diagnosis.oscillation import Oscillation
from steadygan.diagnosis.readings import finite, newest_step, sustained
from steadygan.diagnosis.regime_change import RegimeChange
from steadygan.diagnosis.samples_astray import SamplesAstray
from steadygan.diagnosis.slow_slide import SlowSlide
from steadygan.diagnosis.spectral_spike import SpectralSpike
from steadygan.diagnosis.stalled import Stalled
from steadygan.diagnosis.state import StateRule
from steadygan.history import History

# Causes before symptoms: among findings that are equally severe the first one gives the headline.
DEFAULT_RULES: tuple[Rule, ...] = (
    NonFinite(),
    DataFault(),
    DiscriminatorDead(),
    DivergingNorms(),
    SamplesAstray(),
    Stalled(),
    NormalizationNotInForce(),
    NormalizationTooTight(),
    DiscriminatorOverfits(),
    GeneratorMemorizes(),
    DiscriminatorWins(),
    Oscillation(),
    ModeCollapse(),
    DiversityCollapse(),
    SlowSlide(),
    SpectralSpike(),
    RegimeChange(),
)

SEVERITIES = ("failure", "warning", "info")

WARM_UP_READINGS = 10  # rules hold readings against earlier ones of the same run, and these are the earlier ones
SPREAD = DiversityCollapse()  # says how wide samples must have spread, and after how many steps that is its own to judge


def judge(history: History | Course, rules: Sequence[Rule] = DEFAULT_RULES) -> list[Finding]:
    """What the rules find at the newest step of `history`, worst first. A rule that fails is reported, never raised: no
    verdict is worth a lost run. Who asks for the headline too makes a `Course` and gives it to both.

    >>> judge(History([{"step": 1, "loss/generator": float("nan")}]))[0].verdict
    'NON-FINITE'
    """
    course = Course.of(history)
    found = [finding for rule in rules if (finding := ask(rule, course))]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def ask(rule: Rule, course: Course) -> Finding | None:
    """What `rule` finds; its own failure where it raises."""
    history = course.history
    try:
        return sure(rule, rule.look(course) if isinstance(rule, StateRule) else rule.check(history))
    except Exception as error:  # a rule may be the user's own
        reason = f"The rule {rule.name!r} could not judge: {type(error).__name__}: {error}"
        return Finding(rule.name, "RULE-FAILED", "info", newest_step(history), reason, "Mend the rule or leave it out.")


def sure(rule: Rule, finding: Finding | None) -> Finding | None:
    """A finding with its confidence, where it says none and that of the rule, with these very settings, was measured."""
    if finding is None or finding.severity == "info" or finding.confidence is not None or rule not in DEFAULT_RULES:
        return finding
    return replace(finding, confidence=precision().get(rule.name))


def headline(findings: Sequence[Finding], history: History | Course) -> str:
    """The worst verdict; without one `HEALTHY`, or `WARMING-UP` while it is too early to tell. An `info` is no headline.

    >>> headline([], History([{"step": 1, "loss/generator": 0.7}]))
    'WARMING-UP'
    """
    for severity in ("failure", "warning"):
        for finding in findings:
            if finding.severity == severity:
                return finding.verdict
    return "WARMING-UP" if warming_up(Course.of(history)) else "HEALTHY"


def warming_up(course: Course) -> bool:
    """Too early to tell: too few readings, or the samples have not spread yet to half of the data's diversity."""
    if len(course) < WARM_UP_READINGS:
        return True
    if (early := starting_now(course)) is not None:
        return early
    _, diversity = finite(course.history, "diversity/pairwise_ratio")
    spread = sustained(diversity)
    return bool(len(spread)) and float(spread.max()) < SPREAD.lost and newest_step(course.history) < SPREAD.patience
