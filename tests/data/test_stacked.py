"""Stacked sets against what they are stacked from."""

import math

import numpy as np
import pytest
import torch

from steadygan.config import Config
from steadygan.custom import read_config, write_config
from steadygan.data import SOURCES
from steadygan.data.stacked import CHUNK, Stacked
from steadygan.directory import RunDirectory
from steadygan.errors import ConfigError, DataError


@pytest.fixture
def plain(tmp_path):
    """Five labelled grey images whose level says which they are: 10, 20, ... 50."""
    levels = np.arange(10, 60, 10, dtype=np.uint8)
    images = np.broadcast_to(levels[:, None, None], (5, 6, 6))
    np.savez(tmp_path / "plain.npz", images=images, labels=np.array([0, 0, 1, 1, 2]))
    return {"name": "array", "path": str(tmp_path / "plain.npz")}


def test_the_published_protocol():
    source = Stacked()
    assert (source.count, source.of.name, source.of.split) == (128_000, "mnist", "all")


def test_each_channel_is_drawn_by_itself_and_evenly(plain):
    """Levels, and pairs of levels in two channels, are as often as chance has it: within 5 standard errors."""
    data = SOURCES.build({"name": "stacked", "of": plain, "count": 2 * CHUNK + 10}).open()
    assert (data.examples.dtype, tuple(data.examples.shape)) == (torch.uint8, (2 * CHUNK + 10, 3, 6, 6))
    assert (data.labels, data.n_classes) == (None, 0)
    assert (data.examples == data.examples[:, :, :1, :1]).all()  # each channel is one whole image
    drawn = data.examples[:, :, 0, 0].long() // 10 - 1  # [N, 3], which of the five
    for first, second in ((0, 1), (0, 2), (1, 2)):
        shares = torch.bincount(5 * drawn[:, first] + drawn[:, second], minlength=25) / len(data)
        assert (shares - 1 / 25).abs().max() < 5 * math.sqrt(0.04 * 0.96 / len(data))


def test_what_it_is_stacked_from_is_kept_with_its_labels_and_at_the_same_size(plain):
    source = SOURCES.build({"name": "stacked", "of": plain, "count": 7})
    for resolution, size in ((None, 6), (3, 3)):
        data = source.open(resolution)
        assert tuple(data.shape) == (3, size, size)
        assert tuple(data.stacked_from.shape) == (1, size, size)
        assert data.stacked_from.labels.tolist() == [0, 0, 1, 1, 2]
    assert source.open().stacked_from.examples[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50]
    survey = source.survey()
    assert (survey.count, survey.sizes, survey.modes, survey.class_counts) == (7, {(6, 6): 7}, {"RGB": 7}, {})


def test_the_seed_decides(plain):
    images = [SOURCES.build({"name": "stacked", "of": plain, "count": 30, "seed": seed}).open().examples for seed in (0, 0, 1)]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_colour_images_are_stacked_as_grey(tmp_path):
    np.savez(tmp_path / "red.npz", images=np.full((2, 4, 4, 3), (200, 0, 0), np.uint8), labels=np.array([0, 1]))
    data = SOURCES.build({"name": "stacked", "of": {"name": "array", "path": str(tmp_path / "red.npz")}, "count": 3}).open()
    assert data.examples.unique().tolist() == [60]  # 0.299 * 200, ITU-R 601


def test_what_cannot_be_stacked_is_told(tmp_path, plain):
    np.save(tmp_path / "bare.npy", np.zeros((3, 4, 4), np.uint8))
    bare = {"name": "stacked", "of": {"name": "array", "path": str(tmp_path / "bare.npy")}, "count": 3}
    with pytest.raises(
        DataError, match=r"stacked: bare\.npy .* has no labels, so nobody could count its modes; give a labelled"
    ):
        SOURCES.build(bare).open()
    for channels in (1, 4):
        with pytest.raises(DataError, match=f"has 3 channels, one a class, not {channels}"):
            SOURCES.build({"name": "stacked", "of": plain, "count": 3}).open(channels=channels)
    assert SOURCES.build({"name": "stacked", "of": plain, "count": 3}).open(channels=3).shape[0] == 3
    with pytest.raises(ConfigError, match=r"data\.of: no such source as 'mnits'; did you mean 'mnist'"):
        Config.of({"data": {"name": "stacked", "of": "mnits"}})


def test_a_config_says_what_is_stacked_and_finds_it_from_anywhere(plain, tmp_path, monkeypatch):
    config = Config.of({"data": {"name": "stacked", "of": {"name": "mnist", "split": "test"}, "count": 5}})
    assert config.mapping()["data"] == {"name": "stacked", "of": {"name": "mnist", "split": "test"}, "count": 5, "seed": 0}
    assert Config.of(config.mapping()) == config
    monkeypatch.chdir(tmp_path)
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    write_config(directory, Config.of({"data": {"name": "stacked", "of": {"name": "array", "path": "plain.npz"}, "count": 5}}))
    monkeypatch.chdir("/")
    assert len(read_config(directory).data.open()) == 5
