"""The verdict on a claim: its rules held against the scores, one of four words for each and for all, and why.

For a rule that expects A to be **better** by at least its margin, a difference is *shown* where the 95% interval of the effect
excludes an even outcome and the paired test, corrected by Holm for all the claim's rules that expect better, has p <= 0.05.

- SUPPORTED: a difference in favour of A is shown, and the effect is at least the margin.
- QUALIFIED: a difference in favour of A is shown, and the effect is less than the margin.
- CONTRADICTED: a difference in favour of B is shown; or none is, and the whole interval lies below a margin that is not 0.
- INCONCLUSIVE: anything else, so also where there are too few seeds or where both arms are failures.

For a rule that expects A and B to be the **same** within its margin:

- SUPPORTED: the whole interval lies within the margin.
- CONTRADICTED: the whole interval lies outside of it, on one side.
- QUALIFIED: the effect lies within the margin, and the interval leaves it on one side only.
- INCONCLUSIVE: anything else.

A claim of several rules is SUPPORTED where each rule is; CONTRADICTED where at least half of them are CONTRADICTED, and more
than are SUPPORTED or QUALIFIED; QUALIFIED where any other is SUPPORTED or QUALIFIED; and else INCONCLUSIVE.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from steadygan.errors import ConfigError
from steadygan.parts import near_miss
from steadygan.study.effects import MEASURES, Effect
from steadygan.study.rules import ALPHA, Rule, Word
from steadygan.study.scores import Scores
from steadygan.study.significance import holm
from steadygan.study.statistics import failure_rate

Table = Mapping[tuple[str, str], Scores]  # by arm and metric


@dataclass(frozen=True)
class Ruling:
    """One rule held against the scores: the word, the effect, p after Holm (None where nothing is tested), and a sentence."""

    rule: Rule
    word: Word
    effect: Effect
    p: float | None
    sentence: str

    def plain(self) -> dict[str, object]:
        """As JSON takes it."""
        numbers = {
            "effect": self.effect.estimate.plain(),
            "even": self.effect.even,
            "p": self.p,
            "pairs": self.effect.test.pairs,
        }
        return {"rule": self.rule.model_dump(mode="json"), "word": str(self.word), **numbers, "sentence": self.sentence}


@dataclass(frozen=True)
class Verdict:
    """The word on a claim, the sentence that explains it, and the ruling on each of its rules."""

    word: Word
    sentence: str
    rulings: tuple[Ruling, ...]

    def plain(self) -> dict[str, object]:
        """As JSON takes it."""
        return {"verdict": str(self.word), "sentence": self.sentence, "rulings": [ruling.plain() for ruling in self.rulings]}


def judge(rules: Sequence[Rule], table: Table, seed: int = 0) -> Verdict:
    """The verdict that a claim's rules give on the scores of a study; the same seed gives the same verdict.

    Raises:
        ConfigError: there is no rule, or one names an arm, a metric or a setting that the study does not have.
        EvaluationError: two arms to be compared did not run the same cells.
    """
    if not rules:
        raise ConfigError("verdict: a claim needs at least one rule", "write down what would support it before it is run")
    arms = [arms_of(rule, table) for rule in rules]
    effects = [MEASURES[rule.measure](a, b, seed) for rule, (a, b) in zip(rules, arms, strict=True)]
    ps = corrected(rules, effects)
    tests = sum(p is not None for p in ps)
    rulings = tuple(ruling(*each, tests) for each in zip(rules, effects, ps, arms, strict=True))
    word = together([each.word for each in rulings])
    return Verdict(word, rulings[0].sentence if len(rulings) == 1 else tally(word, rulings), rulings)


def arms_of(rule: Rule, table: Table) -> tuple[Scores, Scores]:
    """The scores of both arms of a rule, at the settings that it names."""
    for arm in (rule.a, rule.b):
        if (arm, rule.metric) not in table:
            known = [f"{name} / {metric}" for name, metric in table]
            hint = f"{near_miss(f'{arm} / {rule.metric}', known)}known: {', '.join(known)}"
            raise ConfigError(f"verdict: the study has no arm {arm!r} with metric {rule.metric!r}", hint)
    a, b = table[rule.a, rule.metric], table[rule.b, rule.metric]
    return (a.only(rule.settings), b.only(rule.settings)) if rule.settings else (a, b)


def corrected(rules: Sequence[Rule], effects: Sequence[Effect]) -> list[float | None]:
    """p of each rule after Holm over those that expect better, None for the others."""
    ps = iter(holm([effect.test.p for rule, effect in zip(rules, effects, strict=True) if rule.expect == "better"]))
    return [next(ps) if rule.expect == "better" else None for rule in rules]


def rule_on(rule: Rule, effect: Effect, p: float | None, tests: int = 1) -> tuple[Word, str]:
    """The word for one rule of so many `tests`, and why; the conditions stand at the top of this file."""
    return better(rule, effect, 1.0 if p is None else p, tests) if rule.expect == "better" else same(rule, effect)


def better(rule: Rule, effect: Effect, p: float, tests: int) -> tuple[Word, str]:
    """The word for a rule that expects A to be better, and why."""
    found, claimed = effect.estimate, effect.even + rule.margin
    if found.low > effect.even and p <= ALPHA:
        reached = found.value >= claimed
        return (Word.SUPPORTED, "as claimed") if reached else (Word.QUALIFIED, "better, but by less than claimed")
    if found.high < effect.even and p <= ALPHA:
        return Word.CONTRADICTED, "it is the other way round"
    if rule.margin and found.high < claimed:
        return Word.CONTRADICTED, "an effect as large as claimed is ruled out"
    return Word.INCONCLUSIVE, doubt(effect, p, tests)


def same(rule: Rule, effect: Effect) -> tuple[Word, str]:
    """The word for a rule that expects no difference beyond its margin, and why."""
    found, least, most = effect.estimate, effect.even - rule.margin, effect.even + rule.margin
    not_worse, not_better = found.low >= least, found.high <= most
    if not_worse and not_better:
        return Word.SUPPORTED, "any difference is within the margin"
    if found.low > most or found.high < least:
        return Word.CONTRADICTED, "the difference is beyond the margin"
    if least <= found.value <= most and not_worse != not_better:
        return Word.QUALIFIED, f"not {'worse' if not_worse else 'better'} by more than the margin, the other way is open"
    return Word.INCONCLUSIVE, doubt(effect, None)


def doubt(effect: Effect, p: float | None, tests: int = 1) -> str:
    """Why nothing can be said."""
    found = effect.estimate
    if isnan(found.value):
        return "more than a quarter of the cells of both arms failed"
    if found.low == -float("inf") and found.high == float("inf"):
        return "the interval has no ends: too few seeds, or too many failures"
    if p is not None and not found.low <= effect.even <= found.high:
        of = f" before correction for {tests} tests" * (tests > 1)
        few = f"; {effect.test.pairs} pairs that differ cannot give a p below {effect.test.least:.2g}{of}"
        return "the interval shows a difference, the test does not" + few * (effect.test.least * tests > ALPHA)
    return "the interval is too wide to tell"


def together(words: Sequence[Word]) -> Word:
    """The word for a claim from those of its rules; the conditions stand at the top of this file."""
    upheld = sum(word in (Word.SUPPORTED, Word.QUALIFIED) for word in words)
    if all(word is Word.SUPPORTED for word in words):
        return Word.SUPPORTED
    contradicted = words.count(Word.CONTRADICTED)
    if contradicted > upheld and 2 * contradicted >= len(words):
        return Word.CONTRADICTED
    return Word.QUALIFIED if upheld else Word.INCONCLUSIVE


def ruling(rule: Rule, effect: Effect, p: float | None, arms: tuple[Scores, Scores], tests: int) -> Ruling:
    """The ruling on one rule of so many `tests`, with its sentence."""
    word, why = rule_on(rule, effect, p, tests)
    test = "" if p is None else f", corrected p {p:.2g}"
    lost = ", ".join(f"{arm.arm} {rate.hits} of {rate.of}" for arm in arms if (rate := failure_rate(arm)).hits)
    sentence = f"{word}: {rule}. Found {effect.estimate}{test}: {why}." + f" Failed: {lost}." * bool(lost)
    return Ruling(rule, word, effect, p, sentence)


def tally(word: Word, rulings: Sequence[Ruling]) -> str:
    """The sentence for several rules: how many of each word."""
    counts = [(each, sum(ruling.word is each for ruling in rulings)) for each in Word]
    return f"{word}: of {len(rulings)} comparisons " + ", ".join(f"{count} {each}" for each, count in counts if count) + "."
