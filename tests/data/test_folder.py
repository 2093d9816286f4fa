"""Folders of images, good and bad."""

import io
import json
import os

import pytest
import torch
from PIL import Image

from steadygan.data.folder import Folder
from steadygan.errors import DataError


def test_a_flat_folder_has_no_classes(folder):
    data = Folder(path=folder({"b.png": 20, "a.png": 10, "c.png": 30})).open()
    assert data.examples[:, 0, 0, 0].tolist() == [10, 20, 30]  # in the order of the names
    assert data.examples.dtype == torch.uint8
    assert data.shape == (1, 8, 8)
    assert (data.labels, data.class_names, data.name) == (None, (), "photos")


def test_subfolders_are_classes(folder):
    source = Folder(path=folder({"dog/a.png": 1, "cat/b.png": 2, "cat/deep/c.png": 3}))
    data = source.open()
    assert data.class_names == ("cat", "dog")
    assert dict(zip(data.examples[:, 0, 0, 0].tolist(), data.labels.tolist(), strict=True)) == {2: 0, 3: 0, 1: 1}
    assert data.labels.dtype == torch.int64
    assert source.survey().class_counts == {"cat": 2, "dog": 1}


def test_numbered_subfolders_are_sorted_by_number(folder):
    data = Folder(path=folder({"10/a.png": 1, "9/b.png": 2, "2/c.png": 3})).open()
    assert data.class_names == ("2", "9", "10")


def test_one_subfolder_is_no_class_and_is_entered(folder):
    assert Folder(path=folder({"all/a.png": 1, "all/b.png": 2})).open().labels is None
    nested = folder({"all/cat/a.png": 1, "all/dog/b.png": 2})
    (nested / "all/a.png").unlink()
    (nested / "all/b.png").unlink()
    assert Folder(path=nested).open().class_names == ("cat", "dog")


def test_images_beside_a_single_subfolder_have_no_classes(folder):
    data = Folder(path=folder({"a.png": 1, "more/b.png": 2})).open()
    assert (len(data), data.labels) == (2, None)


def test_subfolders_that_are_splits_are_refused(folder):
    with pytest.raises(DataError, match="splits, not classes: test, train; give one of them"):
        Folder(path=folder({"train/a.png": 1, "test/b.png": 2})).survey()


def test_labels_from_csv(folder):
    table = "\ufefffile_name, label\r\na.png,cat\r\nsub/b.png,dog\r\n"
    data = Folder(path=folder({"a.png": 1, "sub/b.png": 2, "metadata.csv": table})).open()
    assert (data.class_names, data.labels.tolist()) == (("cat", "dog"), [0, 1])


def test_labels_from_json(folder):
    labels = json.dumps({"labels": [["a.png", 7], ["b.png", 3], ["c.png", 7]]})
    data = Folder(path=folder({"a.png": 1, "b.png": 2, "c.png": 3, "dataset.json": labels})).open()
    assert (data.class_names, data.labels.tolist()) == (("3", "7"), [1, 0, 1])


def test_json_without_labels_overrides_subfolders(folder):
    source = Folder(path=folder({"00000/a.png": 1, "00001/b.png": 2, "dataset.json": '{"labels": null}'}))
    assert source.open().labels is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "metadata.csv",
            "file_name,lable\na.png,1\n",
            "photos/metadata.csv: no column 'label', found file_name, lable; did you mean 'lable'",
        ),
        ("metadata.csv", "", "no column 'file_name', found nothing"),
        ("metadata.csv", b"\xff\xfe\x00", "metadata.csv: not UTF-8 text"),
        ("dataset.json", "{", "dataset.json: not a JSON object"),
        ("dataset.json", "[]", "dataset.json: not a JSON object"),
        ("dataset.json", '{"labels": [["a.png", 0.5]]}', r"expected pairs of file and class, got \['a.png', 0.5\]"),
        ("dataset.json", '{"labels": 3}', "expected pairs of file and class, got 3"),
    ],
)
def test_label_files_that_make_no_sense_are_refused(folder, name, content, message):
    with pytest.raises(DataError, match=message):
        Folder(path=folder({"a.png": 1, name: content})).survey()


def test_two_label_files_are_refused(folder):
    with pytest.raises(DataError, match=r"has both metadata.csv and dataset.json"):
        Folder(path=folder({"a.png": 1, "metadata.csv": "", "dataset.json": ""})).survey()


def test_missing_and_surplus_labels_are_named(folder):
    table = "file_name,label\na.png,x\nb.png,\nd.png,x\nd.png,y\ngone.png,y\n"
    path = folder({"a.png": 1, "b.png": 2, "c.png": 3, "d.png": 4, "metadata.csv": table})
    with pytest.raises(DataError) as caught:
        Folder(path=path).open()
    assert caught.value.problem == (
        "photos/: 4 of 5 files cannot be used: b.png, c.png, d.png (no single label in metadata.csv), "
        "gone.png (named in metadata.csv but not there)"
    )
    assert caught.value.hint == "pass --skip-bad to leave them out"
    data = Folder(path=path, skip_bad=True).open()
    assert (len(data), data.class_names) == (1, ("x",))


def test_an_image_outside_of_the_class_folders_is_named(folder):
    path = folder({"cat/a.png": 1, "dog/b.png": 2, "stray.png": 3, "notes.txt": "hi"})
    with pytest.raises(DataError, match=r"notes.txt \(not an image\), stray.png \(no label, as it is in no class folder\)"):
        Folder(path=path).open()


def test_all_bad_files_are_named_at_once(folder):
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(out, "JPEG")  # noise, so that the cut is in the pixels and not in the header
    jpeg = out.getvalue()
    path = folder({"a.png": 1, "cut.jpg": jpeg[: len(jpeg) * 2 // 3], "zero.png": b"", "notes.txt": "x", "todo.txt": "y"})
    with pytest.raises(DataError) as caught:
        Folder(path=path).open(8, 3)
    assert caught.value.problem == (
        "photos/: 4 of 5 files cannot be used: cut.jpg (truncated), notes.txt, todo.txt (not an image), "
        "zero.png (empty file of 0 bytes)"
    )
    assert len(Folder(path=path, skip_bad=True).open(8, 3)) == 1
    # headers alone show all but the truncation
    assert {name for name, _ in Folder(path=path).survey().bad} == {"zero.png", "notes.txt", "todo.txt"}


def test_long_lists_of_bad_files_are_shortened(folder):
    path = folder({"a.png": 1, **{f"{index:03}.txt": "x" for index in range(200)}})
    with pytest.raises(
        DataError, match=r"200 of 201 .* 000.txt, 001.txt, 002.txt, 003.txt, 004.txt, and 195 more \(not an image\)"
    ) as caught:
        Folder(path=path).open()
    assert len(str(caught.value)) < 300


def test_skipping_keeps_images_and_labels_together(folder):
    files = {f"{'even' if index % 2 == 0 else 'odd'}/{index:02}.png": index if index % 3 else b"bad" for index in range(20)}
    data = Folder(path=folder(files), skip_bad=True).open()
    levels = data.examples[:, 0, 0, 0].tolist()
    assert sorted(levels) == [index for index in range(20) if index % 3]
    assert [data.class_names[label] for label in data.labels] == ["even" if level % 2 == 0 else "odd" for level in levels]


@pytest.mark.parametrize("files", [{}, {".DS_Store": "x", "Thumbs.db": "y", ".git/a.png": "z", "__MACOSX/a.png": "w"}])
def test_an_empty_folder_is_told(folder, files):
    for look in ("survey", "open"):
        with pytest.raises(DataError, match="photos/: there are no images in it"):
            getattr(Folder(path=folder(files)), look)()


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_folder_of_texts_is_told(folder, skip_bad):
    source = Folder(path=folder({"a.txt": "x", "b.txt": "y"}), skip_bad=skip_bad)
    for look in ("survey", "open"):
        with pytest.raises(
            DataError, match=r"2 of 2 files cannot be used: a.txt, b.txt \(not an image\); give a place that holds"
        ):
            getattr(source, look)()


def test_clutter_is_passed_over(folder):
    source = Folder(path=folder({"a.png": 1, ".DS_Store": "x", "Thumbs.db": "y", "sub/.hidden/b.png": "z", "desktop.ini": "w"}))
    assert len(source.open()) == 1
    assert source.survey().bad == ()


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="there is no such folder"):
        Folder(path=tmp_path / "none").survey()


def test_mixed_sizes_need_a_resolution(folder, encode):
    path = folder({"a.png": encode(1, (8, 8)), "b.png": encode(2, (20, 10)), "c.png": encode(3, (1, 1))})
    with pytest.raises(DataError, match="come in 3 sizes, such as 1x1 and 20x10; give a resolution"):
        Folder(path=path).open()
    assert Folder(path=path).open(16).shape == (1, 16, 16)
    assert Folder(path=path).survey().sizes == {(8, 8): 1, (20, 10): 1, (1, 1): 1}


def test_one_size_is_kept_where_nothing_is_asked(folder, encode):
    assert Folder(path=folder({"a.png": encode(1, (20, 10)), "b.png": encode(2, (20, 10))})).open().shape == (1, 10, 20)


def test_one_colour_image_makes_all_colour(folder, encode):
    source = Folder(path=folder({"a.png": encode(1), "b.png": encode(2, mode="RGB")}))
    assert source.open().shape == (3, 8, 8)
    assert source.survey().modes == {"L": 1, "RGB": 1}
    assert source.open(channels=1).shape == (1, 8, 8)


def test_a_single_image_is_enough(folder):
    source = Folder(path=folder({"a.png": 5}))
    assert source.survey().count == 1
    assert len(source.open()) == 1


def test_the_background_shows(folder, encode):
    clear = encode(0, mode="LA")
    path = folder({"a.png": clear})
    assert Folder(path=path).open(channels=3).examples.max() == 0  # opaque black
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(path / "a.png")
    assert Folder(path=path, background=(1, 2, 3)).open().examples[0, :, 0, 0].tolist() == [1, 2, 3]


def test_progress_counts_to_the_end(folder):
    seen = []
    Folder(path=folder({f"{index}.png": index for index in range(5)})).open(
        8, 1, progress=lambda *numbers: seen.append(numbers)
    )
    assert seen == [(done, 5) for done in range(1, 6)]


def test_linked_folders_are_followed_and_circles_end(folder, tmp_path, encode):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.png").write_bytes(encode(2))
    path = folder({"cat/a.png": 1})
    (path / "dog").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(path)
    data = Folder(path=path).open()
    assert (len(data), data.class_names) == (2, ("cat", "dog"))


def test_a_broken_link_is_named(folder):
    path = folder({"a.png": 1})
    (path / "gone.png").symlink_to(path / "nowhere.png")
    with pytest.raises(DataError, match=r"gone.png \(cannot be read: no such file or directory\)"):
        Folder(path=path).open()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hang(folder):
    path = folder({"a.png": 1})
    os.mkfifo(path / "pipe.png")
    assert len(Folder(path=path).open()) == 1


def test_the_spec_builds_the_same_source(folder):
    source = Folder(path=folder({"a.png": 1}), background=(0, 0, 0), skip_bad=True)
    assert Folder.model_validate(source.spec()) == source
