"""Many images at once: order, threads, complaints."""

import threading
import time

import pytest
import torch

from steadygan.data import decoding
from steadygan.data.decoding import WINDOW, as_labels, complaint, decode_all, fit_all, in_threads


def test_results_come_in_order_however_long_each_takes():
    def work(index):
        time.sleep(0.001 * (index % 3))
        return index

    count = WINDOW + 10
    assert list(in_threads(work, count)) == list(range(count))


def test_no_more_threads_than_processors(monkeypatch):
    monkeypatch.setattr(decoding, "_processors", lambda: 2)
    seen = set()

    def work(index):
        time.sleep(0.001)
        seen.add(threading.get_ident())

    list(in_threads(work, 50))
    assert len(seen) <= 2


def test_an_unforeseen_error_is_not_swallowed():
    def work(index):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        decode_all(work, ["a"], (1, 2, 2))


def test_an_image_of_another_size_is_bad():
    images = [torch.zeros(1, 2, 2), torch.zeros(1, 3, 4)]
    examples, kept, bad = decode_all(lambda index: images[index].byte(), ["a", "b"], (1, 2, 2))
    assert (len(examples), kept, bad) == (1, [0], [("b", "4x3 where others are 2x2")])


def test_nothing_is_copied_where_nothing_changes():
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    assert fit_all(images, None, None) is images
    assert fit_all(images, 4, 1) is images


def test_many_reasons_are_cut_short():
    text = complaint("x/", [(f"{index}.png", f"reason {index}") for index in range(100)], 100)
    assert text.startswith("x/: 100 of 100 files cannot be used: 0.png (reason 0), 1.png (reason 1)")
    assert text.endswith("and 92 more")


def test_numbers_are_sorted_as_numbers_and_before_words():
    assert as_labels(["b", "10", "-1", "2", "a"])[1] == ("-1", "2", "10", "a", "b")
