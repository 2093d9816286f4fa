import json
import re
from html.parser import HTMLParser

import pytest

from steadygan.errors import UsageError
from steadygan.report import write_report
from steadygan.report.page import render
from steadygan.report.read import read_run

VOID = {"meta", "img", "input", "wbr", "path", "circle", "br"}


class Page(HTMLParser):
    """Tags with their attributes, and whether every one is closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def healthy_page(healthy_run):
    return Page(render(read_run(healthy_run)))


@pytest.fixture(scope="module")
def troubled_page(troubled_run):
    return Page(render(read_run(troubled_run)))


def test_the_page_stands_in_the_run_directory(new_run):
    run = new_run(sheets=1)
    page = write_report(run)
    assert page == run / "report.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not list(run.glob(".report*"))
    assert write_report(run) == page  # again, over the old one


def test_it_needs_no_network(healthy_page, healthy_run):
    html = render(read_run(healthy_run))
    assert not re.search(r"(src|href)=[\"']?(https?:|//)|url\(|@import|fetch\(|XMLHttpRequest", html)
    assert all(image["src"].startswith("data:image/") for image in healthy_page.all("img"))
    assert healthy_page.all("link") == []
    assert any("default-src 'none'" in meta.get("content", "") for meta in healthy_page.all("meta"))


def test_the_headline_and_the_facts_come_first(healthy_page):
    text = healthy_page.text
    assert text.index("HEALTHY") < text.index("Samples through time")
    for fact in ("2,000", "128,000", "3 min 30 s", "677 MiB", "Best KID", "recipe sngan"):
        assert fact in text


def test_samples_stand_beside_reals_and_can_be_moved_through_by_keyboard(healthy_page):
    images = healthy_page.all("img")
    assert len(images) == 10
    assert images[-1]["alt"] == "Real images of the data set"
    (slider,) = healthy_page.all("input")
    assert (slider["type"], slider["max"], slider["aria-label"]) == ("range", "8", "Step of the samples")
    assert "Generated, step 2,000, the best score" in healthy_page.text


def test_scores_come_with_extractor_counts_and_floor(healthy_page):
    assert "5,000 samples against 5,000 real images in the features of EfficientNet-Lite0." in healthy_page.text
    assert "real against real 0.09" in healthy_page.text
    assert re.search(r"KID 1\.\d+ ± 0\.0\d+", healthy_page.text)
    assert "FID" not in healthy_page.text


def test_all_that_was_measured_is_drawn(healthy_page):
    titles = (
        "Losses",
        "Penalties",
        "Logits",
        "Gradient norms",
        "Diversity of samples",
        "Largest singular value",
        "Effective rank",
    )
    assert all(title in healthy_page.text for title in titles)
    charts = [svg for svg in healthy_page.all("svg") if svg.get("role") == "img"]
    assert len(charts) == 4 + 9 + 4 + 3  # scores, training, spectra of D and of G
    assert all(svg["aria-label"] for svg in charts)


def test_a_healthy_run_has_no_findings(healthy_page):
    assert "None. No rule found anything to warn of" in healthy_page.text


def test_findings_stand_on_a_time_line_with_evidence_and_advice(troubled_page):
    text = troubled_page.text
    assert "loss/discriminator and 7 more stopped being a finite number at step 1,900." in text
    assert "MODE-COLLAPSE warning at step 1,300, began at step 1,200" in text
    assert "So much evidence was right in 94% of the labelled runs." in text
    assert "Let the generator learn ten times slower: --set generator.optimizer.learning_rate= 0.00001" in text
    assert "DIVERGENCE failure at step 1,700, lasted to the end" in text
    assert "grad_norm/discriminator 8,100,000 131 this run 150" in text
    dots = [i for i in troubled_page.all("i") if "dot" in i.get("class", "")]
    assert [dot["style"] for dot in dots] == ["left:65.0%", "left:85.0%", "left:95.0%"]


def test_findings_are_marked_in_the_charts(troubled_page, healthy_page):
    def marks(page):
        return [path for path in page.all("path") if path.get("class", "").startswith("mark ")]

    assert len(marks(troubled_page)) == 3 * 13  # three findings in each line chart
    assert marks(healthy_page) == []


def test_plan_and_protocol_are_told(healthy_page):
    assert "half the discriminator's: Heusel et al. 2017" in healthy_page.text
    for said in ("steadygan train --config fashion/config.yaml", "libraries.torch", "2.13.0", "float32: a step takes 92 ms"):
        assert said in healthy_page.text


def test_a_run_that_is_still_going_says_so(new_run):
    run = new_run(sheets=1)
    (run / "outcome.json").unlink()
    page = Page(render(read_run(run)))
    assert "NO VERDICT YET" in page.text


@pytest.mark.parametrize("left", ["config.yaml", "history.jsonl"])
def test_next_to_nothing_still_makes_a_page(new_run, left):
    run = new_run(sheets=1)
    for path in [*run.glob("*.*"), *run.glob("samples/*")]:
        if path.name != left:
            path.unlink()
    Page(render(read_run(run)))


def test_a_resumed_run_that_repeats_its_findings_has_one_entry_a_rule(new_run):
    run = new_run(sheets=1, troubled=True)
    lines = (run / "findings.jsonl").read_text().splitlines()
    again = [json.dumps({**json.loads(lines[0]), "step": step}) for step in (100, 200, 300, 400)]
    (run / "findings.jsonl").write_text("\n".join([*again, *lines]))
    text = Page(render(read_run(run))).text
    assert text.count("MODE-COLLAPSE warning at") == 1
    assert "steps 100, 200, 300 and 2 more" in text


def test_nothing_from_the_files_can_act(new_run):
    run = new_run(sheets=1, troubled=True)
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'"
    for name in ("config.yaml", "plan.md"):
        (run / name).write_text(f"seed: 1\nx: |\n  {hostile}\n")
    (run / "environment.json").write_text(json.dumps({hostile: {hostile: [hostile, {hostile: hostile}]}}))
    finding = dict.fromkeys(("rule", "verdict", "severity", "reason", "advice"), hostile)
    evidence = {hostile: dict.fromkeys(("value", "threshold", "window", "origin"), hostile)}
    causes = [{**dict.fromkeys(("name", "reason", "advice"), hostile), "settings": [hostile]}]
    more = {"evidence": evidence, "causes": causes, "since": hostile, "confidence": hostile}
    (run / "findings.jsonl").write_text(json.dumps({"step": 1, **finding, **more}) + "\n")
    (run / "metrics.jsonl").write_text(json.dumps({"step": 1, hostile: 1.0, "extractor": hostile, "n_fake": 2}) + "\n")
    (run / "outcome.json").write_text(
        json.dumps({"verdict": hostile, "best": {"step": hostile, "metric": hostile, "value": 1}})
    )
    names = {f"sigma/D.{hostile}": 1.0, f"penalty/{hostile}": 1.0, "loss/generator": 1.0}
    (run / "history.jsonl").write_text(json.dumps({"step": 1, **names}) + "\n")
    html = render(read_run(run))
    page = Page(html)
    assert html.count("<script>") == 1
    assert "onerror" not in {key for _, attributes in page.tags for key in attributes}
    assert len(page.all("img")) == 2


ODD = {
    "findings.jsonl": '{"step": 5}\n{"step": 6, "rule": 3, "evidence": "x", "severity": "mad"}\n',
    "metrics.jsonl": '{"step": 5, "kid": null}\n{"step": 6, "kid": "x", "floor": 3, "n_fake": "many"}\n',
    "outcome.json": '{"verdict": "HEALTHY", "best": {"value": null}, "seconds": null, "images_seen": "x", "findings": [1]}',
    "environment.json": '{"a": null, "b": [], "c": [[1]], "d": {"e": true}}',
    "history.jsonl": '{"step": 1, "loss/generator": null}\n{"step": 1.5, "loss/generator": "x"}\n',
    "config.yaml": "seed: {a: 1}\nsteps: many\n",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_do_not_break_the_page(new_run, name):
    run = new_run(sheets=1)
    (run / name).write_text(ODD[name])
    Page(render(read_run(run)))


def test_a_long_run_stays_a_small_page(new_run):
    run = new_run(steps=100_000, every=50, sheets=30)
    assert write_report(run).stat().st_size < 3_000_000


def test_a_directory_that_cannot_be_written_is_an_error_that_says_so(new_run):
    run = new_run(sheets=1)
    (run / "report.html").mkdir()
    with pytest.raises(UsageError, match="could not be written"):
        write_report(run)
