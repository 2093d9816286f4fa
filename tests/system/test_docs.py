"""What the documentation shows is true: links lead somewhere, code runs, commands exist, shown files are the files."""

import importlib.util
import math
import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
import typer

from steadygan.cli import app
from steadygan.config import Config
from steadygan.diagnosis import RULES
from steadygan.evaluation import METRICS, Samples
from steadygan.game import Batch
from steadygan.history import History
from steadygan.losses import LOSSES, NonSaturating
from steadygan.monitoring import PROBES
from steadygan.stabilizers import STABILIZERS
from steadygan.study.claims import study_named
from steadygan.study.study import read_study

ROOT = Path(__file__).parents[2]
DOCS, CODE = ROOT / "docs", ROOT / "docs" / "how-to" / "code"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
HOW_TO = sorted((DOCS / "how-to").glob("add-*.md"))
FENCE = re.compile(r"^(<!-- file: (?P<file>\S+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SHORTER = {
    "steps=300": "steps=2",
    "steps=400": "steps=3",
    "evaluation.n=500": "evaluation.n=4",
}  # what makes the README's code tiny

# Which setting takes the part of each page, and a class to be found in the run's config afterwards.
PARTS = {
    "stabilizer.py": "stabilizers=[spectral_norm, {}:LogitDrift]",
    "loss.py": "loss={}:SmoothedLogistic",
    "architecture.py": "network={}:PixelShuffle",
    "source.py": "data={}:Gratings",
    "metric.py": "evaluation.metrics=[{}:Brightness]",
    "probe.py": "monitoring.probes=[logits, {}:Saturation]",
    "rule.py": "rules=[non_finite, {}:Overfitting]",
}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def python_blocks() -> list:
    found = []
    for page in PAGES:
        fences = [match for match in FENCE.finditer(text_of(page)) if match["language"] == "python" and not match["file"]]
        found += [pytest.param(match["text"], id=f"{name_of(page)}:{n}") for n, match in enumerate(fences, 1)]
    return found


def commands(page: Path) -> list[list[str]]:
    """The arguments of every `steadygan ...` line in the code blocks of a page; chained commands are taken apart."""
    fences = [match["text"] for match in FENCE.finditer(text_of(page)) if match["language"] in ("", "sh")]
    lines = [part.strip() for text in fences for line in text.splitlines() for part in line.split("&&")]
    return [shlex.split(line)[1:] for line in lines if re.match(r"(\.venv/bin/)?steadygan [a-z]", line)]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made of Markdown on the web."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in LINK.findall(FENCE.sub("", text_of(page))):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{name_of(page)} links to {target}"
        assert place.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(place), f"{name_of(page)} links to {target}"


def test_every_page_is_in_the_table_of_contents():
    listed = {(DOCS / target.partition("#")[0]).resolve() for target in LINK.findall(text_of(DOCS / "README.md"))}
    assert set(DOCS.rglob("*.md")) - {DOCS / "README.md"} <= listed
    assert len(text_of(ROOT / "CONTRIBUTING.md").splitlines()) <= 80


@pytest.mark.parametrize("code", python_blocks())
def test_code_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(CODE)
    for long, short in SHORTER.items():
        code = code.replace(long, short)
    exec(compile(code, "page", "exec"), {"__name__": "page"})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page):
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for verb, *arguments in commands(page):
        assert verb in verbs, f"{name_of(page)}: steadygan {verb}"
        command = verbs[verb]
        if hasattr(command, "commands"):  # a verb with verbs of its own
            assert arguments[0] in command.commands, f"{name_of(page)}: steadygan {verb} {arguments[0]}"
            command = command.commands[arguments.pop(0)]
        command.make_context(verb, list(arguments))  # raises for an option that is not there, or a value of the wrong type


def test_there_are_commands_to_test():
    assert len(commands(ROOT / "README.md")) >= 5
    with pytest.raises(Exception, match="--no-such"):
        typer.main.get_command(app).commands["train"].make_context("train", ["--no-such"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", HOW_TO, ids=name_of)
def test_how_to_shows_a_file_as_it_is(page):
    shown = [match for match in FENCE.finditer(text_of(page)) if match["file"]]
    assert len(shown) == 1
    assert shown[0]["text"] == text_of(page.parent / shown[0]["file"]), "paste the file into the page again"


@pytest.mark.parametrize("page", HOW_TO, ids=name_of)
def test_how_to_commands_find_the_file(page, steadygan, tmp_path):
    for path in CODE.glob("*.py"):
        shutil.copy(path, tmp_path)
    assert commands(page)
    for arguments in commands(page):
        code, _, errors = steadygan(*arguments, "--dry-run")
        assert code == 0, errors


def test_every_how_to_file_is_tested():
    assert {path.name for path in CODE.glob("*.py")} == set(PARTS)
    assert len(HOW_TO) == len(PARTS)


@pytest.mark.parametrize("file", PARTS)
def test_how_to_part_plays_a_run(file, steadygan, tmp_path, tiny):
    part = PARTS[file].format(CODE / file)
    data = part.removeprefix("data=") if part.startswith("data=") else "shapes"
    setting = [] if part.startswith("data=") else ["--set", part]
    code, out, errors = steadygan("train", data, "--out", "run", *tiny, "--set", "data.count=64", *setting)
    assert code in (0, 3), errors
    assert "report" in out
    config = text_of(tmp_path / "run" / "config.yaml")
    assert f"custom/{file}:" in config
    assert (tmp_path / "run" / "custom" / file).is_file()


@pytest.fixture
def part():
    """Builds a part from a how-to file: table, file, class, settings -> the object."""
    return lambda table, file, name, **settings: table.build({"name": f"{CODE / file}:{name}", **settings})


def test_how_to_stabilizer_is_a_mean_square(part):
    batch = Batch(torch.zeros(4, 2), torch.zeros(4, 2), None, None, 0, torch.Generator())
    drift = part(STABILIZERS, "stabilizer.py", "LogitDrift", weight=0.5)
    assert drift.penalty(lambda images, label: torch.tensor([1.0, -1.0, 3.0, -3.0]), batch) == 0.5 * 5


def test_how_to_loss_without_smoothing_is_the_plain_loss(part):
    real, fake = torch.randn(8), torch.randn(8)
    loss = part(LOSSES, "loss.py", "SmoothedLogistic", target=1.0)
    assert torch.equal(loss.discriminator(real, fake), NonSaturating().discriminator(real, fake))
    # cross-entropy against 0.9 is least at a logit of log 9, whatever the fakes
    smoothed = part(LOSSES, "loss.py", "SmoothedLogistic")
    at = {shift: smoothed.discriminator(torch.tensor([math.log(9) + shift]), fake) for shift in (-0.1, 0.0, 0.1)}
    assert at[0.0] < min(at[-0.1], at[0.1])


def test_how_to_metric_counts_grey_levels(part):
    dark, light = (torch.full((6, 1, 4, 4), level, dtype=torch.uint8) for level in (10, 35))
    metric = part(METRICS, "metric.py", "Brightness")
    assert metric.compare(Samples(dark, None, {}), Samples(light, None, {})) == {"brightness": 25.0}


def test_how_to_probe_counts_pixels_at_the_ends(part):
    fake = torch.tensor([[[[-1.0, 0.0], [0.5, 1.0]]]])
    batch = Batch(torch.zeros_like(fake), fake, None, None, 0, torch.Generator())
    assert part(PROBES, "probe.py", "Saturation").measure(None, batch) == {"saturation/fake": 0.5, "saturation/real": 0.0}


@pytest.mark.parametrize(("heldout", "speaks"), [(0.9, False), (0.0, False), (-0.3, True), (-1.0, True)])
def test_how_to_rule_speaks_above_its_threshold(part, heldout, speaks):
    records = [{"step": n, "logit/real": 1.0, "logit/held_out": heldout, "logit/fake": -1.0} for n in range(1, 6)]
    finding = part(RULES, "rule.py", "Overfitting").check(History(records))
    assert (finding is not None) is speaks
    assert part(RULES, "rule.py", "Overfitting").check(History(records[:4])) is None


def script(name: str):
    """A script of the reference pages as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "reference" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_claims_page_is_what_the_results_say():
    page = script("claims").page()
    assert text_of(DOCS / "reference" / "claims.md") == page, "run python docs/reference/claims.py"


def test_no_claim_was_changed_after_it_was_run():
    results = ROOT / "benchmarks" / "results" / "claims"
    for folder in results.iterdir() if results.is_dir() else ():
        asked, run = study_named(folder.name, "s"), read_study(folder / "study.yaml")
        assert (asked.rules, asked.metrics, asked.arms, asked.settings) == (run.rules, run.metrics, run.arms, run.settings)


def test_the_configuration_page_is_what_the_code_says():
    page = script("build").page()
    assert text_of(DOCS / "reference" / "configuration.md") == page, "run python docs/reference/build.py"
    assert all(f"| `{name}` |" in page for name in Config.model_fields)


def test_the_run_directory_page_names_every_series_and_file(steadygan, tmp_path, tiny):
    """Whatever a run writes is on the page; `<layer>` and `<stabilizer>` stand for names."""
    page = text_of(DOCS / "reference" / "run-directory.md")
    stabilizers = "stabilizers=[spectral_norm, {name: r1, gamma: 1}]"
    more = ("--set", "data.count=64", "--set", stabilizers, "--set", "checkpoints.keep=1")
    assert steadygan("train", "shapes", "--out", "run", *tiny, *more)[0] in (0, 3)
    first = text_of(tmp_path / "run" / "history.jsonl").splitlines()[0]
    for name in re.findall(r'"([\w/.]+)":', first):
        quantity, _, place = name.partition("/")
        general = (
            f"{quantity}/<layer>" if place[:2] in ("D.", "G.") else "penalty/<stabilizer>" if quantity == "penalty" else name
        )
        assert f"`{general}`" in page, f"{name} is not on the page"
    for path in (tmp_path / "run").iterdir():
        assert f"`{path.name}" in page, f"{path.name} is not on the page"
