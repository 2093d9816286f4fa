"""Which image files belong to one step."""

import pytest
import torch

from steadygan.applications.pictures import pictures, time_points
from steadygan.errors import DataError
from steadygan.images import write_png


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["000500.png", "001000.png", "000000.png"], [0, 500, 1000]),
        (["fakes000200.png", "fakes000400.png"], [200, 400]),
        (["run1_step_500.png", "run1_step_1000.png"], [500, 1000]),
        (["epoch_010.png", "epoch_002.png"], [2, 10]),
        (["epoch_1_iter_500.png", "epoch_2_iter_100.png", "epoch_1_iter_100.png"], [1, 2, 3]),
        (["step_100/0.png", "step_100/1.png", "step_200/0.png"], [100, 200]),
        (["samples_7/5.png", "samples_7/10.png"], [5, 10]),
        (["500_00.png", "500_01.png", "900_00.png"], [500, 900]),
    ],
)
def test_steps_are_in_the_names(names, steps):
    points = time_points(names)
    assert list(points) == steps
    assert sorted(name for group in points.values() for name in group) == sorted(names)


def test_a_name_without_a_number_is_an_error():
    with pytest.raises(DataError, match=r"1 sample images have no number in their name: final.png"):
        time_points(["final.png", "500.png"])


def test_what_is_no_image_is_passed_over_and_told(tmp_path):
    write_png(tmp_path / "1.png", torch.zeros(1, 8, 8, dtype=torch.uint8))
    (tmp_path / "2.txt").write_text("x")
    (tmp_path / "3.png").write_bytes(b"")
    found = pictures(tmp_path)
    assert list(found.files) == ["1.png"]
    assert found.grey
    assert found.notes == [f"2 of 3 files of {tmp_path} are passed over: 2.txt (not an image), 3.png (empty file of 0 bytes)."]
    (tmp_path / "1.png").unlink()
    with pytest.raises(DataError, match=r"there are no images in it, only 2\.txt"):
        pictures(tmp_path)
