"""IDX files, whole and damaged."""

import gzip
import struct

import numpy as np
import pytest
import torch

from steadygan.data.idx import Idx, labels_beside
from steadygan.errors import DataError


def idx(values: np.ndarray) -> bytes:
    return (
        struct.pack(">HBB", 0, 8, values.ndim)
        + struct.pack(f">{values.ndim}I", *values.shape)
        + values.astype(np.uint8).tobytes()
    )


IMAGES = np.arange(5 * 4 * 6).reshape(5, 4, 6).astype(np.uint8)
LABELS = np.array([9, 0, 9, 1, 0], dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
        ("images.idx", "labels.idx"),
    ],
)
def test_images_and_the_labels_beside_them(tmp_path, images, labels):
    for name, values in ((images, IMAGES), (labels, LABELS)):
        (tmp_path / name).write_bytes(gzip.compress(idx(values)) if name.endswith("gz") else idx(values))
    source = Idx(path=tmp_path / images)
    data = source.open()
    assert torch.equal(data.examples[:, 0], torch.from_numpy(IMAGES))
    assert (data.labels.tolist(), data.class_names) == ([2, 0, 2, 1, 0], ("0", "1", "9"))
    survey = source.survey()
    assert (survey.count, survey.sizes, survey.class_counts) == (5, {(6, 4): 5}, {"0": 2, "1": 1, "9": 2})


def test_images_without_labels(tmp_path):
    (tmp_path / "x.idx").write_bytes(idx(IMAGES))
    assert labels_beside(tmp_path / "x.idx") is None
    assert Idx(path=tmp_path / "x.idx").open().labels is None


def test_labels_elsewhere(tmp_path):
    (tmp_path / "x.idx").write_bytes(idx(IMAGES))
    (tmp_path / "y").write_bytes(idx(LABELS))
    assert Idx(path=tmp_path / "x.idx", labels=tmp_path / "y").open().n_classes == 3
    with pytest.raises(DataError, match="none: cannot be read: No such file"):
        Idx(path=tmp_path / "x.idx", labels=tmp_path / "none").open()
    (tmp_path / "y").write_bytes(idx(LABELS[:3]))
    with pytest.raises(DataError, match=r"y: holds 3 labels for 5 images of x.idx"):
        Idx(path=tmp_path / "x.idx", labels=tmp_path / "y").open()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file of bytes with 3 dimensions"),
        (b"hello world, this is text", "not an IDX file .* it begins with 68656c6c"),
        (idx(LABELS), "with 3 dimensions, it begins with 00000801"),
        (idx(IMAGES)[:-1], "truncated or damaged: 5 x 4 x 6 values announced, 119 found"),
        (idx(IMAGES) + b"x", "120|121 found"),
        (struct.pack(">HBBIII", 0, 8, 3, 2**31, 2**31, 2**31), "values announced, 0 found"),
        (struct.pack(">HBBIII", 0, 13, 3, 1, 1, 1) + b"0000", "not an IDX file of bytes"),
        (gzip.compress(idx(IMAGES))[:-20], "damaged gzip"),
        (b"\x1f\x8b\x08 no", "damaged gzip"),
        (idx(IMAGES[:0]), "holds no images"),
    ],
)
def test_damaged_files_are_told(tmp_path, content, message):
    (tmp_path / "x.idx").write_bytes(content)
    with pytest.raises(DataError, match=f"x.idx: .*({message})"):
        Idx(path=tmp_path / "x.idx").open()


def test_brought_to_the_run(tmp_path):
    (tmp_path / "x.idx").write_bytes(idx(IMAGES))
    assert Idx(path=tmp_path / "x.idx").open(8, 3).shape == (3, 8, 8)
