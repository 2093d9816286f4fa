"""From what a user writes to a source."""

import numpy as np
import pytest

from steadygan.data import NAMED, SOURCES, source_for
from steadygan.data.arrays import Arrays
from steadygan.data.folder import Folder
from steadygan.data.idx import Idx
from steadygan.data.known import KNOWN
from steadygan.data.zipped import Zipped
from steadygan.errors import ConfigError, DataError


@pytest.mark.parametrize("name", NAMED)
def test_names(name):
    assert source_for(name) == SOURCES[name]()


def test_all_known_sets_have_a_source():
    assert set(KNOWN) <= set(NAMED)
    assert all(SOURCES[name].model_fields["name"].default == name for name in SOURCES)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.zip", Zipped),
        ("a.ZIP", Zipped),
        ("a.npz", Arrays),
        ("a.npy", Arrays),
        ("train-images-idx3-ubyte.gz", Idx),
        ("t10k-images.idx3-ubyte", Idx),
        ("a.idx.gz", Idx),
    ],
)
def test_files(tmp_path, name, kind):
    (tmp_path / name).touch()
    source = source_for(str(tmp_path / name))
    assert type(source) is kind
    assert source.path == tmp_path / name


def test_folders(tmp_path):
    assert source_for(str(tmp_path), skip_bad=True) == Folder(path=tmp_path, skip_bad=True)


def test_a_name_wins_over_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ring").mkdir()
    assert source_for("ring").name == "ring"
    assert source_for("./ring").name == "folder"


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 4), dtype=np.uint8))
    assert len(source_for("~/a.npy").open()) == 2


def test_misspelt_names_and_paths_get_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"data: there is no file and no set 'fashon-mnist'; did you mean 'fashion-mnist'\?"):
        source_for("fashon-mnist")
    with pytest.raises(DataError, match=r"did you mean 'photos'\? sets known by name: ring, grid, shapes, fashion-mnist-test"):
        source_for("photo")
    with pytest.raises(DataError, match=r"there is no file and no set 'nowhere/at/all'; .*or give the path of your data"):
        source_for("nowhere/at/all")
    with pytest.raises(DataError, match="there is no file and no set ''"):
        source_for("")


@pytest.mark.parametrize("name", ["cat.png", "data.tar.gz", "noidea"])
def test_other_files_are_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"is no kind of data that is read here; give a folder, a .zip"):
        source_for(str(tmp_path / name))


def test_ones_own_source(tmp_path):
    (tmp_path / "my.py").write_text(
        "from typing import Literal\nfrom steadygan.data.toy import Ring\nclass Mine(Ring):\n    modes: int = 3\n"
    )
    assert len(source_for(f"{tmp_path}/my.py:Mine").centers) == 3
    with pytest.raises(ConfigError, match="no file"):
        source_for("none.py:Mine")
