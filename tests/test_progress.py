from steadygan.cli import progress


def test_progress_comes_after_two_seconds_only(capsys, monkeypatch):
    now = iter([0.0, 1.0, 2.5, 4.0, 13.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.progress_later("measuring", "measured") as tell:
        for done in range(1, 5):
            tell(done, 9)
    assert capsys.readouterr().err.splitlines() == ["measured 2 of 9", "measured 4 of 9"]
