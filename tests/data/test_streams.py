import pytest
import torch

from steadygan.data.source import Dataset
from steadygan.data.streams import Stream, in_range, split
from steadygan.errors import ConfigError


def numbered(n):
    return Dataset("numbers", torch.arange(n, dtype=torch.float32).unsqueeze(1), torch.arange(n) % 3, ("a", "b", "c"))


def test_each_epoch_shows_every_example_once():
    stream = Stream(numbered(10), batch_size=4, seed=3)
    seen = torch.cat([stream.indices(number) for number in range(5)])  # two epochs
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()


def test_a_batch_depends_on_its_number_alone():
    first, second = Stream(numbered(10), 4, seed=1), Stream(numbered(10), 4, seed=1)
    forwards = [first.indices(number).tolist() for number in range(6)]
    backwards = [second.indices(number).tolist() for number in reversed(range(6))]
    assert forwards == backwards[::-1]


def test_seeds_differ():
    assert Stream(numbered(50), 50, seed=1).indices(0).tolist() != Stream(numbered(50), 50, seed=2).indices(0).tolist()


def test_labels_stay_with_their_examples():
    examples, label = Stream(numbered(30), 8).batch(5)
    assert torch.equal(examples[:, 0].long() % 3, label)


def test_too_large_a_batch_is_refused():
    with pytest.raises(ConfigError, match="batch_size: 11 is more than the 10 examples"):
        Stream(numbered(10), 11)


def test_split_parts_are_disjoint_and_whole():
    training, heldout = split(numbered(20), 6, seed=5)
    both = torch.cat([training.examples, heldout.examples]).flatten()
    assert len(heldout) == 6
    assert sorted(both.tolist()) == list(range(20))


def test_bytes_become_minus_one_to_one():
    assert in_range(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
    assert in_range(torch.tensor([7.0])).tolist() == [7]
