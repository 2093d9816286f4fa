"""Writes claims.md from the results of the claims: one row a claim, with its verdict.

    python docs/reference/claims.py

The results lie in benchmarks/results/claims/NAME, where `benchmarks/claims.py` puts them. A test sees to it that the page is
what this script writes, and that no claim's rules were changed after its cells were run.
"""

from pathlib import Path

from steadygan.status import duration
from steadygan.study.claims import Claim, claims
from steadygan.study.place import StudyDirectory
from steadygan.study.table import Table, read_table

PAGE = Path(__file__).with_name("claims.md")
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "claims"

TOP = """# Table of claims

What is said of stabilizers, and what became of it here. Each claim is a study that anyone can run again:
`steadygan study run NAME --out DIR`. These are the S tiers: small networks on processor cores, most of them on points in the
plane. They show mechanisms; what a small experiment contradicts may hold for large images, and the other way round. Each
report says what its study cannot. That rules are older than cells is kept in `begun.yaml` beside each report; for these twelve
studies that file was made afterwards, from the study as it was run, and it is the history of the claim files that shows it.

| | claim | verdict | cells | processor time |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    tables = {claim.name: table_of(claim) for claim in claims()}
    rows = "".join(row(claim, tables[claim.name]) for claim in claims())
    told = "\n".join(told_of(claim, table) for claim in claims() if (table := tables[claim.name]) is not None)
    return f"{TOP}{rows}\n{told}"


def table_of(claim: Claim) -> Table | None:
    """The table of a claim's results, None where it has none yet."""
    place = StudyDirectory(RESULTS / claim.name)
    return read_table(place) if place.study.is_file() else None


def row(claim: Claim, table: Table | None) -> str:
    """One line of the table."""
    if table is None:
        return f"| {claim.letter} | {claim.title} | not run yet | | |\n"
    word = table.verdict.word if table.verdict else "none"
    link = f"[{word}](../../benchmarks/results/claims/{claim.name}/report.md)"
    cells = list(table.complete.cells())
    seconds = sum(cell.cost.get("cpu_seconds", 0) for cell in cells)
    return f"| {claim.letter} | {claim.title} | {link} | {len(cells)} | {duration(seconds)} |\n"


def told_of(claim: Claim, table: Table) -> str:
    """What the rules of a claim found, sentence by sentence, and what is said of it elsewhere."""
    study = table.study
    rulings = table.verdict.rulings if table.verdict else ()
    found = "\n".join(f"- {ruling.sentence}" for ruling in rulings) or f"- {table.no_verdict}"
    n = len(study.settings)
    seeds = f"{len(table.complete.seeds)} seeds, {n} setting{'s' * (n != 1)}"
    besides = [f"Seen besides, after the run and by no rule: {study.remarks.strip()}"] if study.remarks else []
    parts = [
        f"## {claim.name}",
        claim.title,
        study.about.strip(),
        f"Found ({seeds}):",
        found,
        *besides,
        f"Limits: {study.limits.strip()}",
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
