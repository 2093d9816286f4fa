"""Examples that fit and examples that do not."""

import errno
import os

import pytest

from steadygan.data import memory
from steadygan.data.decoding import decode_all
from steadygan.data.memory import allocate, available_memory
from steadygan.errors import DataError


def test_a_tensor_over_the_budget_is_mapped_from_the_cache_and_leaves_no_file(tmp_path):
    tensor = allocate((10, 3, 4, 4), budget=100)
    tensor[:] = 7
    assert (tuple(tensor.shape), int(tensor.sum())) == ((10, 3, 4, 4), 7 * 480)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_tensor_within_the_budget_touches_no_disk(tmp_path):
    assert allocate((10,), budget=10).shape == (10,)
    assert not (tmp_path / "cache").exists()


def test_mapped_examples_are_the_same_examples(folder):
    from steadygan.images import decode

    path = folder({f"{index}.png": index if index != 3 else "bad" for index in range(6)})
    names = [f"{index}.png" for index in range(6)]
    results = [decode_all(lambda index: decode(path / names[index]), names, (1, 8, 8), budget=budget) for budget in (10**9, 0)]
    for examples, kept, bad in results:
        assert examples[:, 0, 0, 0].tolist() == kept == [0, 1, 2, 4, 5]
        assert bad == [("3.png", "not an image")]


def test_a_full_disk_is_told_before_anything_is_decoded(monkeypatch, tmp_path):
    def full(descriptor, size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(memory, "_reserve", full)
    with pytest.raises(DataError, match=r"need 3.0 GB, .*: No space left on device; lower the resolution"):
        allocate((1000, 3, 1000, 1000), budget=0)
    assert list((tmp_path / "cache").iterdir()) == []


def test_available_memory_is_no_more_than_the_machine_has():
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < available_memory() <= physical


def test_a_container_limit_counts(tmp_path):
    assert memory._group_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory._group_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory._group_memory(tmp_path) == 4000
