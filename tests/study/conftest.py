import numpy as np
import pytest
from study_cells import task_of, tiny
from study_lines import B1

from steadygan.study.scores import Scores


@pytest.fixture(scope="session")
def scores():
    """An arm from a table [settings, seeds]; NaN is a failed cell."""

    def build(values, arm="a", higher=True):
        values = np.atleast_2d(np.asarray(values, dtype=np.float64))
        settings = tuple(f"setting {row}" for row in range(len(values)))
        return Scores(arm, settings, tuple(range(values.shape[1])), values, higher)

    return build


@pytest.fixture
def quick(monkeypatch):
    """Nothing here waits for a network."""
    monkeypatch.setattr("steadygan.study.lease.SETTLE", 0.0)
    monkeypatch.setattr("steadygan.study.store.PAUSES", (0.0, 0.0))


@pytest.fixture
def memory():
    """A URL in memory that nothing is at."""
    from steadygan.study.store import Store  # needs fsspec, as only the tests that ask for a URL do

    files = Store("memory://bucket/study")
    yield files.url
    if files.files.exists(files.root):
        files.files.rm(files.root, recursive=True)


@pytest.fixture
def task(tmp_path):
    """The task of the last of the tiny study's cells in a new place."""
    return task_of(tiny(), B1, tmp_path / "cells" / B1.id)
