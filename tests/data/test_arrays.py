"""Arrays of images and points, in every layout and range."""

import pickle

import numpy as np
import pytest
import torch

from steadygan.data.arrays import Arrays
from steadygan.errors import DataError


@pytest.fixture
def levels() -> np.ndarray:
    """uint8 [5, 6, 6, 3] that holds every extreme."""
    values = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3)).astype(np.uint8)
    values[0, 0, 0] = 0
    values[0, 0, 1] = 255
    return values


@pytest.fixture
def saved(tmp_path):
    """Arrays -> an opened `faces.npz`, or `faces.npy` for one array without a name."""

    def save(*array, **arrays):
        path = tmp_path / ("faces.npy" if array else "faces.npz")
        np.save(path, array[0]) if array else np.savez(path, **arrays)
        return Arrays(path=path)

    return save


def test_layouts(saved, levels):
    expected = torch.from_numpy(levels.transpose(0, 3, 1, 2).copy())
    nhwc = saved(levels).open()
    assert torch.equal(nhwc.examples, expected)
    assert nhwc.name == "faces.npy (NHWC uint8)"
    nchw = saved(np.ascontiguousarray(levels.transpose(0, 3, 1, 2))).open()
    assert torch.equal(nchw.examples, expected)
    assert nchw.name == "faces.npy (NCHW uint8)"
    grey = saved(levels[..., 0]).open()
    assert torch.equal(grey.examples, expected[:, :1])
    assert grey.name == "faces.npy (NHW uint8)"


def test_where_two_layouts_fit_the_square_one_is_taken(saved):
    assert saved(np.zeros((2, 3, 3, 8), dtype=np.uint8)).open().shape == (
        3,
        3,
        8,
    )
    assert saved(np.zeros((2, 1, 8, 8), dtype=np.uint8)).open().shape == (1, 8, 8)
    assert saved(np.zeros((2, 4, 4, 3), dtype=np.uint8)).open().shape == (3, 4, 4)
    for shape in ((2, 3, 8, 3), (2, 3, 3, 3), (2, 5, 8, 8)):
        with pytest.raises(DataError, match="cannot tell the layout"):
            saved(np.zeros(shape, dtype=np.uint8)).open()


@pytest.mark.parametrize(
    ("convert", "kind"),
    [
        (lambda levels: levels.astype(np.float32) / 255, "float32 taken as [0, 1]"),
        (lambda levels: levels.astype(np.float64) / 255, "float64 taken as [0, 1]"),
        (lambda levels: levels.astype(np.float32) / 127.5 - 1, "float32 taken as [-1, 1]"),
        (lambda levels: levels.astype(np.int64), "int64"),
        (lambda levels: levels.astype(np.uint16), "uint16"),
    ],
)
def test_ranges_are_understood_and_stated(saved, levels, convert, kind):
    data = saved(convert(levels)).open()
    assert torch.equal(data.examples, torch.from_numpy(levels.transpose(0, 3, 1, 2).copy()))
    assert data.name == f"faces.npy (NHWC {kind})"


def test_half_precision_and_bool(saved, levels):
    # float16 has 11 bits: in [0, 1] it is off by at most 2^-12, which is less than half of 1/255
    assert torch.equal(saved((levels / 255).astype(np.float16)).open().examples, saved(levels).open().examples)
    assert saved(np.array([[[True, False]]])).open().examples.flatten().tolist() == [255, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[[0.0, 255.0]]]), "float64 pixels from 0 to 255 have no known meaning; save uint8"),
        (np.array([[[-5, 7]]]), "int64 pixels from -5 to 7"),
        (np.array([[[0, 256]]]), "int64 pixels from 0 to 256"),
        (np.array([[[1j]]]), "expected numbers, got complex128"),
        (np.array([[["a"]]]), "expected numbers, got <U1"),
        (np.zeros((0, 8, 8), dtype=np.uint8), r"'arr_0' is empty, its shape is \[0, 8, 8\]"),
        (np.zeros((4, 8), dtype=np.uint8), "neither images nor points"),
        (np.zeros(4), r"cannot tell the layout of \[4\]"),
        (np.zeros((2, 2, 8, 8, 3), dtype=np.uint8), "cannot tell the layout"),
    ],
)
def test_what_means_nothing_is_refused(saved, values, message):
    for look in ("survey", "open"):
        with pytest.raises(DataError, match=f"faces.npy: .*{message}"):
            getattr(saved(values), look)()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_is_refused_with_its_number_and_the_first_place(saved, value):
    values = np.zeros((3000, 2, 2, 3), dtype=np.float32)
    values[2047, 1, 0, 2] = values[2999, 0, 0, 0] = value  # the first in the second chunk
    with pytest.raises(DataError, match=r"faces.npz: 2 values are NaN or infinite, the first at \[2047, 1, 0, 2\]"):
        saved(images=values).open()
    with pytest.raises(DataError, match=r"1 values are NaN or infinite, the first at \[1, 0\]"):
        saved(np.array([[0.0, 1.0], [value, 2.0]])).open()


def test_points_stay_what_they_are(saved):
    points = np.random.default_rng(0).normal(0, 100, (50, 2))
    data = saved(points).open()
    assert data.examples.dtype == torch.float32
    assert torch.equal(data.examples, torch.from_numpy(points.astype(np.float32)))
    assert (data.are_images, data.name) == (False, "faces.npy (points)")
    assert saved(points).survey().modes == {"points [2]": 50}
    with pytest.raises(DataError, match="points, which have no resolution"):
        saved(points).open(32)


@pytest.mark.parametrize("key", ["labels", "label", "y"])
@pytest.mark.parametrize("labels", [[3, 1, 3, 1, 2], [[3], [1], [3], [1], [2]], [3.0, 1.0, 3.0, 1.0, 2.0]])
def test_labels(saved, levels, key, labels):
    source = saved(pictures=levels, **{key: np.array(labels)})
    data = source.open()
    assert (data.labels.tolist(), data.class_names) == ([2, 0, 2, 0, 1], ("1", "2", "3"))
    assert source.survey().class_counts == {"1": 2, "2": 1, "3": 2}


def test_labels_may_be_words(saved, levels):
    data = saved(images=levels, labels=np.array(["dog", "cat", "dog", "dog", "dog"])).open()
    assert (data.labels.tolist(), data.class_names) == ([1, 0, 1, 1, 1], ("cat", "dog"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(4, dtype=int), r"labels have shape \[4\], expected \[5\]"),
        (np.eye(5, dtype=int), r"labels have shape \[5, 5\]"),
        (np.full(5, 0.5), "labels must be whole numbers or words, got float64"),
        (np.full(5, np.nan), "labels must be whole numbers or words, got float64"),
    ],
)
def test_labels_that_do_not_fit_are_refused(saved, levels, labels, message):
    with pytest.raises(DataError, match=message):
        saved(images=levels, labels=labels).open()


def test_the_images_are_found_among_other_arrays(saved, levels):
    assert len(saved(images=levels, weights=np.zeros(3)).open()) == 5
    with pytest.raises(DataError, match="which array holds the images, found first, second; call it 'images'"):
        saved(first=levels, second=levels).open()
    with pytest.raises(DataError, match="which array holds the images, found labels"):
        saved(labels=np.zeros(3)).open()


def test_pickled_objects_are_refused_unread(saved, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "bombed"), "w"))

    objects = np.array([Bomb(), None], dtype=object)
    for source in (saved(objects), saved(images=objects)):
        with pytest.raises(DataError, match="holds Python objects, which can run code and are refused"):
            source.open()
    assert not (tmp_path / "bombed").exists()


@pytest.mark.parametrize("name", ["faces.npy", "faces.npz"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 no", b"\x93NUMPY\x01\x00", pickle.dumps([1, 2])])
def test_damaged_files_are_told(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: "):
        Arrays(path=path).open()


def test_truncated_files_are_told(saved, levels):
    for source in (saved(levels), saved(images=levels)):
        source.path.write_bytes(source.path.read_bytes()[:-50])
        with pytest.raises(DataError, match=r"not a .npy or .npz file or damaged"):
            source.open()


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        Arrays(path=tmp_path / "none.npy").open()


def test_size_and_channels_are_brought_to_the_run(saved, levels):
    assert saved(levels).open(8, 1).shape == (1, 8, 8)
    assert saved(levels).open(6, 4).examples[:, 3].min() == 255
    assert saved(levels[:, :, :4]).open(5).shape == (3, 5, 5)


def test_the_file_on_disk_is_never_written(saved, levels):
    source = saved(levels)
    source.open().examples.zero_()
    assert source.open().examples.max() == 255


def test_progress_counts_to_the_end(saved, levels):
    seen = []
    saved(levels).open(progress=lambda *numbers: seen.append(numbers))
    assert seen[-1] == (5, 5)
