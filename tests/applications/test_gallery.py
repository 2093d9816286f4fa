"""Images through time, held against real ones."""

import pytest
import torch

from steadygan.applications.gallery import Measure, gallery
from steadygan.applications.synthesis import Sampler
from steadygan.config import Config
from steadygan.data import source_for
from steadygan.errors import DataError
from steadygan.images import from_uint8, grid, write_png
from steadygan.launch import train
from steadygan.measuring import drawn
from steadygan.monitoring.diversity import gram, pairwise_distances
from steadygan.sampling import SHEET_SEED, images_of, reals_of, truncated_normal

SERIES = {f"diversity/{what}_ratio" for what in ("pairwise", "effective_rank", "trace")} | {"cells/js", "coverage/cells"}


def blobs(n, seed, side=8):
    """Images with a bright block at one of 16 places, in one of 3 colours: uint8 [n, 3, side, side]."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 40, (n, 3, side, side), dtype=torch.uint8, generator=random)
    block = side // 4
    for image in images:
        row, column, colour = (int(torch.randint(high, (1,), generator=random)) for high in (4, 4, 3))
        image[colour, row * block : (row + 1) * block, column * block : (column + 1) * block] = 250
    return images


@pytest.fixture
def folders(tmp_path):
    """A folder of 64 real images, and one for samples."""
    (tmp_path / "samples").mkdir()
    (tmp_path / "reals").mkdir()
    for i, image in enumerate(blobs(64, 0)):
        write_png(tmp_path / "reals" / f"{i}.png", image)
    return tmp_path / "samples", tmp_path / "reals"


def test_grids_through_time(folders):
    samples, reals = folders
    for step in range(0, 1000, 100):
        images = blobs(16, step) if step < 500 else blobs(2, step).repeat(8, 1, 1, 1)
        write_png(samples / f"fakes{step:06d}.png", grid(images, columns=4))
    seen = []
    found = gallery(samples, reals, progress=lambda done, total: seen.append((done, total)))
    history = found.history
    assert set(history.names()) >= SERIES
    assert history.steps().tolist() == list(range(0, 1000, 100))
    assert history["diversity/pairwise_ratio"][:5].min() > 0.85
    assert history["diversity/pairwise_ratio"][5:].max() < 0.7
    assert history["coverage/cells"][:5].min() > history["coverage/cells"][5:].max()
    assert found.notes == ["10 steps of 16 tiles of 8x8, against 64 real images."]
    assert seen[-1] == (10, 10)
    order = torch.tensor(sorted(range(64), key=lambda i: f"{i}.png"))[drawn(64, 16)]
    of_reals, of_fakes = (pairwise_distances(gram(from_uint8(x))).sum() for x in (blobs(64, 0)[order], blobs(16, 0)))
    assert history["diversity/pairwise_ratio"][0] == pytest.approx((of_fakes / of_reals).item())


def test_a_folder_a_step(folders):
    samples, reals = folders
    for step in (100, 200, 300):
        (samples / f"step_{step}").mkdir()
        for i, image in enumerate(blobs(20 if step < 300 else 10, step)):
            write_png(samples / f"step_{step}" / f"{i}.png", image)
    found = gallery(samples, reals)
    assert found.history.steps().tolist() == [100, 200]
    assert found.notes == ["2 steps of 20 images of 8x8, against 64 real images.", "1 steps with fewer images are left out."]


def test_a_tile_that_is_given_resizes_the_reals(folders):
    samples, reals = folders
    for step in (100, 200):
        write_png(samples / f"{step}.png", grid(blobs(16, step, side=4), columns=4, padding=0))
    found = gallery(samples, reals, tile=4)
    assert len(found.history) == 2
    assert found.notes[0] == "The real images are cut to squares and resized to 4x4."
    with pytest.raises(DataError, match=r"100.png: 16x16 is no grid of 5x5"):
        gallery(samples, reals, tile=5)


def test_samples_of_many_sizes_are_resized_and_told(folders):
    samples, reals = folders
    for step in (100, 200):
        for i in range(16):
            write_png(samples / f"{step}_{i}.png", blobs(1, i, side=12 if i % 2 else 20)[0])
    found = gallery(samples, reals)
    assert len(found.history) == 2
    assert (
        found.notes[0]
        == "The samples differ in size (100_0.png is 20x20, 100_1.png is 12x12): they are cut to squares and resized to 12x12."
    )


def test_what_does_not_fit_names_the_files(folders):
    samples, reals = folders
    write_png(samples / "100.png", torch.zeros(3, 30, 50, dtype=torch.uint8))
    write_png(samples / "200.png", torch.zeros(3, 31, 50, dtype=torch.uint8))
    with pytest.raises(
        DataError, match=r"no grids of 8x8, the size of the real images \(100.png is 50x30, 200.png is 50x31\); .*--tile"
    ):
        gallery(samples, reals)


def test_too_few_images(folders):
    samples, reals = folders
    write_png(samples / "100.png", grid(blobs(9, 0), columns=3))
    with pytest.raises(DataError, match="9 images of a step can be held against 64 real ones; at least 16"):
        gallery(samples, reals)
    for path in list(reals.iterdir())[10:]:
        path.unlink()
    write_png(samples / "100.png", grid(blobs(16, 0), columns=4))
    with pytest.raises(DataError, match="10 images of a step can be held against 10 real ones"):
        gallery(samples, reals)


def test_a_damaged_image_is_named(folders):
    samples, reals = folders
    for step in (100, 200):
        write_png(samples / f"{step}.png", grid(blobs(16, step), columns=4))
    whole = (samples / "200.png").read_bytes()
    (samples / "200.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"200.png: "):
        gallery(samples, reals)


def test_grey_and_colour_together(folders):
    samples, reals = folders
    write_png(samples / "100.png", grid(blobs(16, 0)[:, :1], columns=4))
    assert len(gallery(samples, reals).history) == 1


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A run with classes of four steps, a picture at every other."""
    place = tmp_path_factory.mktemp("conditional") / "run"
    player = {"optimizer": {"name": "adam", "learning_rate": 2e-4}}
    settings = {
        "data": "fashion-mnist-test",
        "network": {"name": "dcgan", "width": 8},
        "steps": 4,
        "batch_size": 16,
        "threads": 1,
        "precision": "float32",
        "discriminator": player,
        "generator": player,
        "monitoring": {"every": 4, "samples_every": 2, "probes": ["logits"]},
        "evaluation": {"every": 0, "n": 50, "extractor": {"name": "pixels"}, "metrics": ["frechet"]},
    }
    train(Config.of(settings), place)
    return place


def test_the_pictures_of_a_run_with_classes_are_cut_into_its_samples(conditional, tmp_path):
    """The last picture is of the averaged generator that the run has kept, so that its samples can be made anew."""
    data = source_for("fashion-mnist-test").open()
    reals = tmp_path / "reals"
    reals.mkdir()
    for i, image in enumerate(torch.as_tensor(data.examples[:120])):
        write_png(reals / f"{i:03d}.png", image)
    found = gallery(conditional / "samples", reals)
    assert found.history.steps().tolist() == [2, 4]
    assert found.notes == [
        "2 steps of 100 tiles of 28x28, against 120 real images.",
        "The sheets show 10 classes in equal shares: real images of others, or in other shares, count as lost.",
    ]
    sampler = Sampler.of(conditional)
    label = torch.arange(10).repeat_interleave(10)
    fakes = images_of(sampler.generator, truncated_normal(100, sampler.z_dim, None, SHEET_SEED), label)
    reference = from_uint8(torch.as_tensor(data.examples[:120])[drawn(120, 2048)]).expand(-1, 3, -1, -1)
    expected = Measure(reference, 100)(from_uint8(fakes).expand(-1, 3, -1, -1))
    for name in ("diversity/pairwise_ratio", "diversity/effective_rank_ratio", "cells/js"):
        assert found.history[name][-1] == pytest.approx(expected[name])


def test_a_sheet_of_real_images_is_as_diverse_as_they_are(tmp_path):
    """Ten of each class against 400 others: 100 images have a relative error of a few percent in their mean distance."""
    data = source_for("fashion-mnist-test").open()
    samples, reals = tmp_path / "samples", tmp_path / "reals"
    samples.mkdir()
    reals.mkdir()
    for step in (1, 2):
        write_png(samples / f"{step}.png", reals_of(data))
    for i, image in enumerate(torch.as_tensor(data.examples[1000:1400])):
        write_png(reals / f"{i}.png", image)
    history = gallery(samples, reals).history
    assert history["diversity/pairwise_ratio"][0] == pytest.approx(1, abs=0.1)
    assert history["cells/js"][0] < 2 * history["cells/js_floor"][0]
