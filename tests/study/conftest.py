import numpy as np
import pytest

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
