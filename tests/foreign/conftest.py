"""Logs as other people's loops write them."""

import random

import pytest

from steadygan.foreign import read_logs


@pytest.fixture
def write(tmp_path):
    """`write(name, text)` makes a file; bytes are written as they are."""

    def make(name, text, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return make


@pytest.fixture
def read():
    """`read(path, given)`: the one run at a path."""

    def one(path, given=None):
        (run,) = read_logs(path, given)
        return run

    return one


@pytest.fixture
def rows():
    """`rows(n)`: the rows of a table with a step and two losses, a reading each 50 steps."""

    def make(n, every=50, start=0, separator=","):
        noise = random.Random(n)
        lines = [
            separator.join([str(start + every * i), f"{0.7 + noise.gauss(0, 0.1):.4f}", f"{0.9 + noise.gauss(0, 0.1):.4f}"])
            for i in range(n)
        ]
        return "".join(f"{line}\n" for line in lines)

    return make
