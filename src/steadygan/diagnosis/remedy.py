"""Remedies in words: with options of our command line for a run of ours, in plain words for one that has no config of ours."""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from steadygan.diagnosis.base import Cause, Finding

MOST = 2  # remedies in one line of advice
UNKNOWN = "=(today's times "  # of a learning rate that was not recorded: the advice says in words what to do to it
OPTION = r"--set '?([\w.]+\+?=(?:\(today's times [^)]*\)|\{[^}]*\}|\[[^\]]*\]|[^\s;,()']*[^\s;,().']))'?"
OPTIONS = re.compile(rf"([:,]? )?({OPTION}(?: {OPTION})*)")
# What a rule calls by its name in our config, and what others call it.
ELSEWHERE = (
    ("no spectral_norm and no r1 in `stabilizers`", "neither spectral normalization nor an R1 gradient penalty"),
    ("r1 to `stabilizers`", "an R1 gradient penalty"),
    ("the coefficient of spectral_norm in `stabilizers`", "the number that its spectral normalization multiplies by"),
    ("with spectral_norm in `stabilizers`, raise its coefficient too", "under spectral normalization, allow larger norms too"),
    ("spectral_norm in `stabilizers`", "spectral normalization"),
    ("checkpoints/safe", "a checkpoint from before"),
)
ALIKE = {"beta1": "momentum"}  # a setting of one optimizer, and what others call it
VALUES = {"loss=non_saturating": "the non-saturating loss", "augmentations=[diffaugment]": "DiffAugment"}


def told(cause: Cause) -> str:
    """A cause's remedy in one line, with the options of `steadygan train` that make it.

    >>> told(Cause("it is too fast", "", "Let it learn slower", ("generator.optimizer.learning_rate=0.0001",)))
    'Let it learn slower: --set generator.optimizer.learning_rate=0.0001.'
    """
    options = " ".join(options_of(cause))
    return f"{cause.advice.rstrip('.')}: {options}." if options else cause.advice


def options_of(cause: Cause) -> list[str]:
    """The settings of a cause as the shell takes them, but for those whose value is not known."""
    return [f"--set {shlex.quote(setting)}" for setting in cause.settings if UNKNOWN not in setting]


def advice(causes: Sequence[Cause]) -> str:
    """The remedies for the likeliest causes in one line."""
    return " Or: ".join(told(cause) for cause in causes[:MOST])


def plainly(finding: Finding) -> Finding:
    """The same finding for somebody who has no config of ours: neither option nor setting is left in it.

    >>> causes = (Cause("it is too fast", "", "Let it learn slower", ("generator.optimizer.learning_rate=0.0001",)),)
    >>> plainly(Finding("mine", "MINE", "warning", 1, "It swings.", advice(causes), causes=causes)).advice
    "Let it learn slower (generator's learning rate = 0.0001)."
    """
    causes = tuple(without_settings(cause) for cause in finding.causes)
    composed = bool(causes) and finding.advice == advice(finding.causes)
    return replace(finding, causes=causes, advice=advice(causes) if composed else elsewhere(finding.advice))


def fitted(finding: Finding, optimizers: Mapping[str, Collection[str]]) -> Finding:
    """The same finding for players whose optimizers have these settings: one that goes by another name there takes it.

    A rule knows numbers and no config, so it asks for Adam's. A setting that an optimizer has by no name is left out, and a
    cause that is left with none of its settings is none here: RMSProp has no momentum that could be behind anything.

    >>> causes = (Cause("momentum", "", "Let it forget", ("discriminator.optimizer.beta1=0.0",)),)
    >>> found = Finding("mine", "MINE", "warning", 1, "It swings.", advice(causes), causes=causes)
    >>> fitted(found, {"discriminator": ["learning_rate", "momentum"]}).advice
    'Let it forget: --set discriminator.optimizer.momentum=0.0.'
    """
    causes = tuple(one for cause in finding.causes if (one := fitting(cause, optimizers)))
    composed = causes != finding.causes and finding.advice == advice(finding.causes)
    return replace(finding, causes=causes, advice=advice(causes) if composed else finding.advice)


def fitting(cause: Cause, optimizers: Mapping[str, Collection[str]]) -> Cause | None:
    """A cause with the settings that there are; None where there are none of those it asks for."""
    settings = tuple(one for setting in cause.settings if (one := renamed(setting, optimizers)))
    return replace(cause, settings=settings) if settings or not cause.settings else None


def renamed(setting: str, optimizers: Mapping[str, Collection[str]]) -> str:
    """An assignment under the name that the player's optimizer has for it, "" where it has none; others stay."""
    key, _, value = setting.partition("=")
    player, place, name = key.partition(".optimizer.")
    if not place or player not in optimizers or name in optimizers[player]:
        return setting
    other = ALIKE.get(name)
    return f"{player}.optimizer.{other}={value}" if other in optimizers[player] else ""


def without_settings(cause: Cause) -> Cause:
    """The same cause with its settings told in its advice."""
    words, plain = in_words(cause.settings), elsewhere(cause.advice)
    return replace(cause, advice=f"{plain.rstrip('.')} ({words})." if words else plain, settings=())


def elsewhere(text: str) -> str:
    """A text without the names of our config.

    >>> elsewhere("Halve it: --set generator.optimizer.learning_rate=0.1 --set loss=non_saturating. Go on.")
    "Halve it: generator's learning rate = 0.1, the non-saturating loss. Go on."
    """
    for ours, others in ELSEWHERE:
        text = text.replace(ours, others)

    def plain(options: re.Match[str]) -> str:
        words = in_words(re.findall(OPTION, options[2]))
        return f"{options[1] or ''}{words}" if words else ""

    return OPTIONS.sub(plain, text)


def in_words(settings: Sequence[str]) -> str:
    """Assignments to our config in plain words; those without a value are left out.

    >>> in_words(["stabilizers+={name: r1, gamma: 0.1}", "discriminator.optimizer.beta1=0.0"])
    "gamma = 0.1, discriminator's beta1 or momentum = 0.0"
    """
    return ", ".join(assignment(setting) for setting in settings if UNKNOWN not in setting)


def assignment(setting: str) -> str:
    """One assignment in plain words."""
    if setting in VALUES:
        return VALUES[setting]
    key, _, value = setting.partition("=")
    if key.endswith("+"):  # a part with its settings, which the advice has named
        return ", ".join(re.findall(r"(?!name:)\b\w+: [^,}]+", value)).replace(": ", " = ")
    player, _, name = key.partition(".optimizer.")
    name = f"{name} or {ALIKE[name]}" if name in ALIKE else name.replace("_", " ")
    return f"{player}'s {name} = {value}" if name else f"{key} = {value}"
