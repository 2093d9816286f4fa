"""Zips of images, good and hostile."""

import io
import json
import zipfile

import pytest

from steadygan.data.zipped import LARGEST_FILE, Zipped
from steadygan.errors import DataError


@pytest.fixture
def pack(tmp_path, encode):
    """Names and contents -> a zip; an int stands for a plain grey image of that level."""

    def packed(files, compression=zipfile.ZIP_STORED):
        path = tmp_path / "photos.zip"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in files.items():
                archive.writestr(name, encode(content) if isinstance(content, int) else content)
        return path

    return packed


def test_a_stylegan_zip_is_read(pack):
    labels = json.dumps({"labels": [["00000/img00000000.png", 1], ["00000/img00000001.png", 0]]})
    source = Zipped(path=pack({"00000/img00000000.png": 10, "00000/img00000001.png": 20, "dataset.json": labels}))
    data = source.open()
    assert data.examples[:, 0, 0, 0].tolist() == [10, 20]
    assert (data.labels.tolist(), data.class_names, data.name) == ([1, 0], ("0", "1"), "photos.zip")
    assert source.survey().class_counts == {"0": 1, "1": 1}


def test_a_zipped_folder_with_classes_is_read_as_that_folder(pack):
    files = {"photos/cat/a.png": 1, "photos/dog/b.png": 2, "photos/.DS_Store": b"", "__MACOSX/photos/cat/._a.png": b""}
    assert Zipped(path=pack(files, zipfile.ZIP_DEFLATED)).open().class_names == ("cat", "dog")


def test_label_files_inside_of_the_zipped_folder_are_read(pack):
    data = Zipped(
        path=pack({"photos/a.png": 1, "photos/b.png": 2, "photos/metadata.csv": "file_name,label\na.png,x\nb.png,y\n"})
    ).open()
    assert data.class_names == ("x", "y")


@pytest.mark.parametrize("name", ["../a.png", "x/../../a.png", "/etc/a.png", "C:/a.png", "..\\a.png", "\\\\host\\share\\a.png"])
def test_names_that_point_outside_are_refused(pack, name):
    for look in ("survey", "open"):
        with pytest.raises(DataError, match=r"photos.zip: holds names that point outside of it"):
            getattr(Zipped(path=pack({"fine.png": 1, name: 2}), skip_bad=True), look)()


def test_nothing_is_unpacked(pack, tmp_path):
    path = pack({"a/a.png": 1, "b/b.png": 2})
    Zipped(path=path).open()
    assert [file.name for file in tmp_path.iterdir() if file.name != "cache"] == ["photos.zip"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"hello"])
def test_what_is_no_zip_is_told(tmp_path, content):
    path = tmp_path / "photos.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"photos.zip: not a zip file or damaged"):
        Zipped(path=path).survey()


def test_a_truncated_zip_is_told(pack):
    path = pack({f"{index}.png": index for index in range(20)})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="not a zip file or damaged"):
        Zipped(path=path).open()


def test_a_missing_zip_is_told(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        Zipped(path=tmp_path / "none.zip").open()


def test_a_damaged_entry_is_named_and_can_be_skipped(pack, encode):
    path = pack({"a.png": 1, "b.png": 2})
    content = bytearray(path.read_bytes())
    start = content.find(encode(1))
    content[start + 20] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"photos.zip: 1 of 2 files cannot be used: a.png \(damaged in the zip: Bad CRC"):
        Zipped(path=path).open()
    assert len(Zipped(path=path, skip_bad=True).open()) == 1


def test_an_encrypted_entry_is_named(pack):
    path = pack({"a.png": 1, "b.png": 2})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag of encryption in the first local header and in the first entry of the directory
    content[content.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"a.png \(encrypted"):
        Zipped(path=path).open()


def test_an_entry_that_unpacks_to_gigabytes_is_refused_unread(pack):
    path = pack({"a.png": 1, "b.png": 2})
    content = bytearray(path.read_bytes())
    entry = content.find(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (LARGEST_FILE + 1).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"a.png \(unpacks to 1.1 GB, refused as a possible zip bomb\)"):
        Zipped(path=path).open()


@pytest.mark.parametrize("files", [{}, {"photos/": b""}, {"dataset.json": b"{}"}])
def test_an_empty_zip_is_told(pack, files):
    with pytest.raises(DataError, match=r"photos.zip: there are no images in it"):
        Zipped(path=pack(files)).survey()


def test_many_threads_read_the_same_zip(pack):
    """Each image holds its own number: a mix-up between threads would show."""
    data = Zipped(path=pack({f"{index:03}.png": index for index in range(200)}, zipfile.ZIP_DEFLATED)).open(8, 1)
    assert data.examples[:, 0, 3, 3].tolist() == list(range(200))


def test_a_zip_of_text_is_told(pack):
    out = io.StringIO("x").read()
    with pytest.raises(DataError, match=r"1 of 1 files cannot be used: a.txt \(not an image\)"):
        Zipped(path=pack({"a.txt": out})).open()
