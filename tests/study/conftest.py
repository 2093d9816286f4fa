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
