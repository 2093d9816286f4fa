"""Publishes what a claim came to: from the directory it was run in to benchmarks/results/claims, with its report.

    steadygan study run learning-rate --out studies/learning-rate
    python benchmarks/claims.py studies/learning-rate

What is kept is `study.yaml`, `begun.yaml`, `results.jsonl`, `verdict.json`, `report.html`, `report.md` and the sheets that it
shows; cells stay where they are. A study is written anew from the claim as it stands in the package, so that remarks made
since are in the report; it is refused where anything that decides a cell or a verdict was changed after the run.
docs/reference/claims.md is written too.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from steadygan.directory import write_text
from steadygan.study.claims import study_named
from steadygan.study.place import StudyDirectory
from steadygan.study.report import write_study_report
from steadygan.study.report.samples import samples
from steadygan.study.study import Study
from steadygan.study.table import read_table, write_verdict

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "claims"
WORDS = {"title", "about", "limits", "remarks", "seeds", "patience", "minutes"}  # may change after the run
WAY = {"higher_is_better", "judges", "unit"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=Path)
    for directory in parser.parse_args().directories:
        publish(StudyDirectory(directory))
    subprocess.run([sys.executable, str(ROOT / "docs" / "reference" / "claims.py")], check=True)


def publish(run: StudyDirectory) -> None:
    """Copy what a study came to, and write its report."""
    before = run.require()
    now = study_named(before.name, before.tier).with_(seeds=before.seeds)
    if deciding(before) != deciding(now):
        sys.exit(f"{run.path}: the claim {before.name!r} was changed after it was run")
    place = StudyDirectory(RESULTS / before.name)
    place.path.mkdir(parents=True, exist_ok=True)
    write_text(place.study, now.yaml())
    shutil.copy(run.results, place.results)
    if run.begun.is_file():
        shutil.copy(run.begun, place.begun)
    link = place.path / "cells"  # for the pictures of the report
    shutil.rmtree(link, ignore_errors=True)
    link.symlink_to(run.cells.resolve())
    try:
        table = read_table(place)
        write_verdict(place, table)
        print(write_study_report(place, table), table.verdict.sentence if table.verdict else table.no_verdict)
        shown = samples(table, place)
    finally:
        link.unlink()
    for sheet in [each.path for each in shown.arms if each.path] if shown else []:
        (place.path / sheet).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(run.path / sheet, place.path / sheet)


def deciding(study: Study) -> dict[str, object]:
    """All of a study that decides its cells or its verdict; of a metric that no rule asks, which way is better does not."""
    told: dict[str, object] = study.model_dump(mode="json", exclude={*WORDS, "metrics"})
    asked = {next(iter(study.metrics)), *(rule.metric for rule in study.rules)}
    return told | {
        name: measure.model_dump(mode="json", exclude=set() if name in asked or measure.at == "best" else WAY)
        for name, measure in study.metrics.items()
    }


if __name__ == "__main__":
    main()
