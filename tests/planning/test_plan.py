import pytest

from steadygan.data.source import Survey
from steadygan.planning import fingerprint, plan


def data(count=5000, size=(640, 480), modes=("RGB",), classes=None):
    return fingerprint(Survey(count, {size: count}, dict.fromkeys(modes, 1), classes or {}))


@pytest.mark.parametrize(
    ("size", "on_gpu", "resolution"),
    [
        ((640, 480), False, 32),
        ((640, 480), True, 128),
        ((28, 28), False, 28),
        ((100, 90), True, 64),
        ((5, 5), False, 8),
        ((50, 50), True, 32),
    ],
)
def test_resolution(size, on_gpu, resolution):
    assert plan(data(size=size), on_gpu).settings()["resolution"] == resolution


def test_grey_data_get_one_channel():
    assert plan(data(modes=("L", "I;16")), False).settings()["channels"] == 1
    assert plan(data(modes=("L", "RGB")), False).settings()["channels"] == 3


def test_classes_are_used_where_each_has_enough():
    assert plan(data(classes={"a": 2500, "b": 2500}), False).settings()["conditional"] is True
    assert plan(data(classes={"a": 4995, "b": 5}), False).settings()["conditional"] is False
    assert plan(data(), False).settings()["conditional"] is False


@pytest.mark.parametrize(("count", "batch"), [(5000, 64), (71, 64), (70, 32), (10, 8), (1, 1)])
def test_small_data_get_a_batch_they_fill(count, batch):
    assert plan(data(count), False).settings()["batch_size"] == batch


def test_little_data_is_augmented():
    assert plan(data(300), False).settings()["augmentations"][0]["policy"] == "color,translation,cutout"
    assert plan(data(5000), False).settings()["augmentations"][0]["policy"] == "translation"
    assert plan(data(50_000), False).settings()["augmentations"] == []


def test_points_get_a_coefficient_above_one():
    settings = plan(fingerprint(Survey(1000, {}, {}, {})), False).settings()
    assert settings["stabilizers"][0]["coefficient"] > 1


def test_every_line_has_its_reason():
    made = plan(data(classes={"a": 20, "b": 4980}), True)
    assert all(line.reason for line in made.lines)
    assert all(f"`{line.key}`" in made.markdown() for line in made.lines)
