import re

import pytest
from made_studies import made_result, made_results, made_study, write_study

from steadygan.errors import UsageError
from steadygan.study.place import StudyDirectory
from steadygan.study.report import write_study_report
from steadygan.study.result import Result

HOSTILE = "<script>alert(1)</script> | `rm -rf` \"'&\n# x [y](javascript:z) <img src=x>"


def report_of(path, study, results=None, pictures=False):
    """HTML and Markdown of a study."""
    place = write_study(path / "study", study, made_results(study) if results is None else results, pictures)
    page = write_study_report(place)
    assert page == place.report
    return page.read_text(encoding="utf-8"), place.markdown.read_text(encoding="utf-8")


def words_of(html):
    """The text of a page between its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("</style>")[1]))


def test_a_page_that_needs_nothing_else(tmp_path):
    html, _ = report_of(tmp_path, made_study(3, 2, 3), pictures=True)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "default-src 'none'" in html
    assert html.count("data:image/png;base64,") == 3  # one sheet an arm


def test_html_and_markdown_tell_the_same(tmp_path):
    html, markdown = report_of(tmp_path, made_study(3, 2, 3), pictures=True)
    plain = markdown.replace("\\", "")
    told = words_of(html)
    for fact in (
        "stability region of quality",
        "Rings of points are no images",
        "Miyato et al. 2018",
        "beats",
        "AVX512",
        "points",
    ):
        assert fact in told
        assert fact in plain
    for row in re.findall(r'data-label="quality ↑"[^>]*><span>([0-9.]+)', html):
        assert row in plain
    assert "learning_rate=1e-4" in told
    assert "`discriminator.optimizer.learning_rate=1e-4`" in markdown
    assert re.search(r"\]\(cells/none\.[AB]\.0/samples/\d+\.png\)", markdown)


def test_a_metric_that_judges_nothing_has_no_best_arm(tmp_path):
    counts = []
    for judges in (True, False):
        metrics = {**made_study(3, 2, 3).model_dump()["metrics"], "modes": {"of": "score/modes", "judges": judges}}
        html, markdown = report_of(tmp_path / str(judges), made_study(3, 2, 3, metrics=metrics))
        assert ("modes ↓" in html) is ("modes ↓" in markdown) is judges
        assert (">neither<" in html) is (not judges)
        counts.append(words_of(html).count("within 20% of own best"))
    assert counts[0] == counts[1] + 1


@pytest.mark.parametrize(("lengths", "same"), [((16, 16, 16), True), ((16, 8, 16), False), ((16, None, 16), False)])
def test_latents_are_called_the_same_where_they_are_as_long(lengths, same, tmp_path):
    study = made_study(3, 2, 3)
    place = write_study(tmp_path / "study", study, made_results(study), True)
    for arm, length in zip(study.arms, lengths, strict=True):
        for cell in place.cells.glob(f"{arm}.*"):
            (cell / "config.yaml").write_text("data: {name: ring}\n" + (f"z_dim: {length}\n" if length else ""))
    write_study_report(place)
    for page in (place.report, place.markdown):
        assert ("Samples from the same latents" in page.read_text()) is same


def test_fourteen_arms_are_all_there(tmp_path):
    study = made_study(14, 6, 3)
    html, markdown = report_of(tmp_path, study)
    for arm in study.arms:
        assert f"<code>{arm}</code>" in html
        assert f"| `{arm}` |" in markdown
    assert 'class="curve other"' in html
    assert "9 more; point at a line for its name" in html


def test_only_results_that_were_copied(tmp_path):
    html, markdown = report_of(tmp_path, made_study(3, 2, 3), pictures=False)
    assert "data:image" not in html
    assert 'id="curves"' in html
    assert "Samples from the same latents" not in html + markdown


def test_a_damaged_cell_directory_is_no_fault(tmp_path):
    study = made_study(3, 2, 3)
    place = write_study(tmp_path / "study", study, made_results(study))
    for cell in place.cells.iterdir():
        (cell / "config.yaml").write_text("[unclosed")
        (cell / "environment.json").write_text("[1]")
        for sheet in (cell / "samples").iterdir():
            sheet.write_bytes(b"no picture")
    assert "data:image" not in write_study_report(place).read_text()


def test_a_study_in_progress(tmp_path):
    study = made_study(3, 2, 3)
    html, markdown = report_of(tmp_path, study, [made_result(study, "none", "A", 0)])
    assert "NO SEED COMPLETE" in html
    assert "1 of 18 cells are there" in words_of(html)
    assert "**NO SEED COMPLETE**" in markdown
    assert 'id="arms"' not in html
    assert 'id="protocol"' in html


def test_nothing_there_yet(tmp_path):
    html, _ = report_of(tmp_path, made_study(3, 2, 3), [])
    assert "0 of 18 cells are there" in words_of(html)


def test_a_verdict_so_far(tmp_path):
    study = made_study(3, 2, 4)
    results = [r for r in made_results(study) if r.cell.id != "none.A.3"]
    html, _ = report_of(tmp_path, study, [*results, Result(arm="none", setting="A", seed=3, state="crashed", problem="killed")])
    told = words_of(html)
    assert "So far: 3 of 4 seeds are complete" in told
    assert "none.A.3 crashed: killed" in told
    assert "seed 3, not complete (1 crashed of 24 cells)" in told


def test_one_setting_and_no_rules(tmp_path):
    html, markdown = report_of(tmp_path, made_study(3, 1, 5, rules=[]))
    assert "NO VERDICT" in html
    assert "The study has no rules to judge by." in words_of(html)
    assert "5 pairs of cells cannot give a p below 0.062" in words_of(html)
    assert 'id="rules"' not in html
    assert "What was asked" not in markdown


def test_all_cells_failed(tmp_path):
    study = made_study(3, 2, 3)
    dead = [
        Result(
            arm=c.arm,
            setting=c.setting,
            seed=c.seed,
            state="diverged",
            verdict="NON-FINITE",
            values=dict.fromkeys(("quality", "reverse_kl", "modes", "to_half")),
            timed=dict.fromkeys(("seconds_to_half", "ms")),
        )
        for c in study.cells()
    ]
    html, markdown = report_of(tmp_path, study, dead)
    assert "INCONCLUSIVE" in html
    assert html.count('class="hx" title') == 6  # a square an arm and setting
    assert "nan" not in words_of(html).lower().split()
    assert "inf" not in words_of(html).lower().split()
    assert "3 of 3 failed" in markdown
    assert "some cells were not timed, or not scored anywhere near it" in words_of(html)
    assert 'svg class="forest"' not in html


def test_hostile_words_do_nothing(tmp_path):
    more = {"title": HOSTILE, "about": HOSTILE, "limits": HOSTILE}
    study = made_study(3, 2, 4, **more, leave_out=[{"arm": "none", "setting": "B", "why": HOSTILE}])
    results = [
        r.with_(verdict=HOSTILE, scores=[{**row, "extractor": HOSTILE} for row in r.scores]) for r in made_results(study)
    ]
    results[-1] = Result(arm=results[-1].arm, setting=results[-1].setting, seed=3, state="crashed", problem=HOSTILE)
    html, markdown = report_of(tmp_path, study, results)
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html
    prose = re.sub(r"`[^`\n]*`", "", markdown)
    assert not re.search(r"(?<!\\)<(?!br>)", prose)
    assert not re.search(r"(?<!\\)\]\((?!cells/)", prose)
    assert not re.search(r"(?m)^# x", markdown)


def test_what_is_left_out_is_told(tmp_path):
    study = made_study(3, 2, 3, leave_out=[{"arm": "sn-k5", "setting": "B", "why": "out of memory"}])
    html, markdown = report_of(tmp_path, study)
    assert "sn-k5 was not run at B: out of memory." in words_of(html)
    assert "sn-k5 was not run at B: out of memory." in markdown
    assert 'class="empty"' in html
    assert "n = 1 setting × 3 seeds or 2 settings × 3 seeds an arm" in words_of(html)


def test_no_study(tmp_path):
    with pytest.raises(UsageError, match="no study here"):
        write_study_report(StudyDirectory(tmp_path))
