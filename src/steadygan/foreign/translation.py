"""Translation: from a log as somebody wrote it to a history as the judge reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from steadygan.errors import DataError, UsageError
from steadygan.foreign.binning import Bins, both_sides
from steadygan.foreign.columns import one_each
from steadygan.foreign.log import BATCH, Log, place_of
from steadygan.foreign.names import Naming, naming, shortened
from steadygan.history import Floats, History

CLIP = 1e-6  # of probabilities that become logits: at most 13.8 in size
EARLY = 20  # readings; with fewer, how they were joined is worth a word
Series = dict[str, tuple[Floats, Floats]]  # steps and values by name


@dataclass
class Translated:
    """A log that can be judged.

    Attributes:
        name: of the run, where a place holds several.
        history: what the judge reads.
        log: what it comes from.
        naming: which column became which series.
        notes: one sentence for each thing that a reader should know.
    """

    name: str
    history: History
    log: Log
    naming: Naming = field(default_factory=Naming)
    notes: list[str] = field(default_factory=list)

    def step(self, step: float) -> str:
        """A step in words, with the number that the log has for it.

        >>> from steadygan.foreign.columns import Columns
        >>> Translated("", History(), Log(Columns(bool), "", "epoch")).step(3000)
        'step 3,000 (epoch 3)'
        """
        own = "" if self.log.factor == 1 else f" ({self.log.unit} {step / self.log.factor:,.6g})"
        return f"step {step:,.0f}{own}"


def translated(log: Log, given: Mapping[str, str]) -> Translated:
    """The history of a log.

    Args:
        log: as it was read.
        given: series or unit -> column, as the user said; all others are guessed.

    Raises:
        UsageError: a column that was given is not there.
        DataError: none of its columns is known, or none holds a number.
    """
    if log.ours:
        series = {name: log.columns[name].read() for name in log.columns if name != "step"}
        return Translated(log.name, Bins(series, per_step=False).history(), log, notes=list(log.notes))
    names = [name for name in (*log.columns, *log.columns.others) if name]
    given = {series: column.removeprefix(log.columns.prefix) for series, column in given.items()}
    found = naming([*names, *([log.column] if log.column else [])], given)
    if not found.chosen:
        raise unknown(log, [name for name in names if not place_of(name)])
    series = {one.series: log.columns[column].read() for column, one in found.chosen.items() if column in set(log.columns)}
    notes = list(log.notes)
    series = told_apart(series, found, notes)
    if not any(len(values) for _, values in series.values()):
        raise DataError(f"{log.where}: {shortened(found.chosen)} hold no numbers", "numbers are like 0.5, 1e-3 or nan")
    series = {name: one_each(np.floor(steps * log.factor), values) for name, (steps, values) in series.items()}
    notes += factor_notes(log) + end_notes(series)
    bins = Bins(series | both_sides(series), per_step=log.unit == "step", rows=log.unit == "row")
    notes += bins.notes(max(log.columns[name].came for name in log.columns))
    if bins.per_step and bins.width > 1 and len(bins) < EARLY:
        notes.append(f"If '{log.column}' counts epochs, say --map epoch={log.column}.")
    return Translated(log.name, bins.history(), log, found, notes)


def unknown(log: Log, names: list[str]) -> UsageError:
    """The error for a log of which nothing is known."""
    if not names:
        return DataError(f"{log.where}: there are no numbers in it but steps", "a log has a column for each scalar")
    problem = f"{log.where}: none of its columns is known by its name: {shortened(names)}"
    return DataError(problem, f"say what they are, as in --map 'loss/discriminator={names[0]}'")


def told_apart(series: Series, found: Naming, notes: list[str]) -> Series:
    """The same with shares for signs and percent, and with logits for probabilities."""
    column = {one.series: name for name, one in found.chosen.items()}
    kinds = {one.series: one.kind for one in found.chosen.values()}
    result = dict(series)
    for name, (steps, values) in series.items():
        if kinds[name] == "sign":
            sign = 1 if name.endswith("real") else -1
            result[name] = steps, (1 + sign * values) / 2
            notes.append(
                f"'{column[name]}' is the mean sign of logits: read as {name} = (1 {'+' if sign > 0 else '-'} sign) / 2."
            )
        elif name.startswith("accuracy/") and len(values) and 1.5 < np.nanmax(values, initial=0) <= 100:
            result[name] = steps, values / 100
            notes.append(f"'{column[name]}' is read as percent.")
    for name in [name for name in result if name.startswith(("accuracy/", "auc/")) and not are_shares(result[name][1])]:
        del result[name]
        notes.append(f"'{column[name]}' goes beyond 0 and 1, so it is no share of right answers: it is left out.")
    logits = [name for name in ("logit/real", "logit/fake", "logit/held_out") if name in series]
    if logits and all(are_probabilities(series[name][1], column[name]) for name in logits):
        for name in logits:
            share = np.clip(result[name][1], CLIP, 1 - CLIP)
            result[name] = result[name][0], np.log(share / (1 - share))
            result.pop(name.replace("logit/", "logit_std/"), None)
        columns = " and ".join(f"'{column[name]}'" for name in logits)
        notes.append(f"{columns} lie between 0 and 1, so they are read as probabilities p: the logit is log(p / (1 - p)).")
    return with_both_sides(result)


def are_probabilities(values: Floats, column: str) -> bool:
    """Whether numbers are what a sigmoid makes of logits: all in 0..1, in a column that does not say that they are logits."""
    return bool(np.isfinite(values).any()) and "logit" not in column.lower() and are_shares(values)


def are_shares(values: Floats) -> bool:
    """Whether all numbers that are finite lie in 0..1."""
    finite = values[np.isfinite(values)]
    return bool((finite >= 0).all() and (finite <= 1).all())


def with_both_sides(series: Series) -> Series:
    """The same with the accuracy on real and fake together, where both sides are known and their mean is not."""
    real, fake, both = (series.get(f"accuracy/{side}") for side in ("real", "fake", "discriminator"))
    if both is not None or real is None or fake is None:
        return series
    steps, of_real, of_fake = np.intersect1d(real[0], fake[0], return_indices=True)
    return series | {"accuracy/discriminator": (steps, (real[1][of_real] + fake[1][of_fake]) / 2)}


def factor_notes(log: Log) -> list[str]:
    """What one of the log's units counts as."""
    if log.unit == "epoch":
        return [f"An epoch counts as {log.factor:,.0f} steps: step {log.factor:,.0f} is epoch 1."]
    if log.unit in ("kimg", "images"):
        whose = "batch_size of training_options.json" if log.batch else "assumed"
        batches = f"batches of {log.batch or BATCH} images ({whose})"
        what = "1,000 images count" if log.unit == "kimg" else "Images are counted in steps: each counts"
        return [f"{what} as {log.factor:,.4g} steps, in {batches}."]
    return []


def end_notes(series: Series) -> list[str]:
    """Which series end long before the others: many logs leave out what became NaN."""
    ends = {name: steps[-1] for name, (steps, _) in series.items() if len(steps) >= EARLY and not name.startswith("score/")}
    last = max(ends.values(), default=0.0)
    gaps = {name: float(np.median(np.diff(series[name][0]))) for name in ends}
    early = {name: end for name, end in ends.items() if last - end > max(EARLY * gaps[name], 0.02 * last)}
    return [
        f"{name} ends at step {end:,.0f} of {last:,.0f}. If it became NaN there, the log left that out."
        for name, end in early.items()
    ]
