"""What stands at the top of the page: the word, its sentence, the ruling on each rule, and the numbers to know first."""

from dataclasses import dataclass

from steadygan.report.facts import Fact, Verdict
from steadygan.report.words import duration
from steadygan.study.conclusion import COMPARISON, conclude
from steadygan.study.report import words
from steadygan.study.rules import Word
from steadygan.study.table import Table
from steadygan.study.verdicts import Ruling

TONES = {Word.SUPPORTED: "good", Word.QUALIFIED: "warning", Word.CONTRADICTED: "failure", Word.INCONCLUSIVE: "wait"}


@dataclass(frozen=True)
class Ruled:
    """A rule with what became of it: the word and its tone, the rule in words, and what was found."""

    word: str
    tone: str
    rule: str
    found: str


def headline(table: Table) -> Verdict:
    """The verdict, or how far the study is."""
    done, planned = len(table.complete.results), table.complete.counts["planned"]
    if not table.complete.seeds:
        return Verdict(
            "NO SEED COMPLETE",
            "wait",
            f"{done} of {words.counted(planned, 'cell')} are there. Arms are compared on seeds that all of them have.",
        )
    if table.study.name == COMPARISON and (found := conclude(table)) is not None:
        tone = ("good" if found.differs else "wait") if found.arm else "failure"
        return Verdict(found.word, tone, found.words, so_far(table))
    if table.verdict is None:
        return Verdict("NO VERDICT", "wait", table.no_verdict)
    rulings = table.verdict.rulings
    only = ruled(rulings[0])
    sentence = f"Claimed: {only.rule}. {only.found}" if len(rulings) == 1 else table.verdict.sentence.split(": ", 1)[1]
    return Verdict(str(table.verdict.word), TONES[table.verdict.word], sentence[:1].upper() + sentence[1:], so_far(table))


def so_far(table: Table) -> str:
    """That the verdict is not the last one, where seeds are still to come."""
    done, planned = len(table.complete.seeds), len(table.study.seeds)
    return f"So far: {done} of {planned} seeds are complete, the others count nowhere." if done < planned else ""


def rulings(table: Table) -> list[Ruled]:
    """The rules with what became of them."""
    return [ruled(each) for each in table.verdict.rulings] if table.verdict else []


def ruled(ruling: Ruling) -> Ruled:
    """A rule with what became of it, its numbers as people read them."""
    found = ruling.sentence.removeprefix(f"{ruling.word}: {ruling.rule}. ")
    found = found.replace(str(ruling.effect.estimate), words.effect(ruling.effect.estimate), 1)
    return Ruled(str(ruling.word), TONES[ruling.word], str(ruling.rule), found)


def facts(table: Table) -> list[Fact]:
    """The numbers to know first."""
    study, complete = table.study, table.complete
    sizes = ((study.arms, "arm"), (study.settings, "setting"), (study.seeds, "seed"))
    product = " × ".join(words.counted(len(each), name) for each, name in sizes) + ", some left out" * bool(study.leave_out)
    found = [
        Fact("Cells", f"{len(complete.results):,}", f"of {complete.counts['planned']:,}: {product}"),
        Fact("Seeds", str(len(complete.seeds)), words.numbers(complete.seeds)),
    ]
    if table.main:
        failed, cells = (sum(getattr(row.failed, name) for row in table.main.rows) for name in ("hits", "of"))
        found.append(
            Fact(
                "Failed", f"{failed:,}", f"of {cells:,} cells, by {table.main.metric}; {complete.counts['diverged']:,} diverged"
            )
        )
    seconds = sum(result.cost.get("cpu_seconds", 0) for result in complete.results.values())
    return [*found, Fact("Processor time", duration(seconds), "of all cells")] if seconds else found
