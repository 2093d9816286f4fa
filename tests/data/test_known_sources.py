"""The known sets: the embedded one as it is, the others from files of the same form."""

import gzip
import hashlib
import io
import struct
import tarfile
from importlib.resources import files

import numpy as np
import pytest
import torch

from steadygan.data import known_sources
from steadygan.data.known import KNOWN
from steadygan.data.known_sources import Cifar10, FashionMnist, FashionMnistTest, Mnist
from steadygan.errors import DataError


def test_the_embedded_split():
    source = FashionMnistTest()
    data, survey = source.open(), source.survey()
    assert (data.shape, data.examples.dtype, len(data)) == ((1, 28, 28), torch.uint8, 10_000)
    assert survey.class_counts == dict.fromkeys(KNOWN["fashion-mnist-test"].class_names, 1000)
    assert (survey.sizes, survey.modes) == ({(28, 28): 10_000}, {"L": 10_000})


@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_the_embedded_files_are_the_published_ones(name):
    """They were packed without name and date; with the date of the original put back, its published checksum comes out."""
    content = (files("steadygan.data") / "embedded" / name).read_bytes()
    packed = struct.pack("<I", 1_504_176_627)  # 31 August 2017
    original = b"\x1f\x8b\x08\x08" + packed + b"\x00\x03" + name.removesuffix(".gz").encode() + b"\0" + content[10:]
    (file,) = (file for file in KNOWN["fashion-mnist"].files if file.name == name)
    assert len(original) == file.size
    assert hashlib.md5(original).hexdigest() == file.md5
    assert hashlib.sha256(original).hexdigest() == file.sha256


def test_the_licence_lies_beside_the_data():
    text = (files("steadygan.data") / "embedded" / "LICENSE-fashion-mnist.txt").read_text()
    assert "Copyright (c) 2017 Zalando SE" in text
    assert "Permission is hereby granted, free of charge" in text


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_the_table_is_complete(known):
    assert known.name in KNOWN
    assert all((known.title, known.home.startswith("http"), known.licence, known.count))
    assert len(known.class_names) == 10
    assert known.embedded == (known.name == "fashion-mnist-test") == (known.size == 0)
    for file in known.files:
        assert (len(file.md5), len(file.sha256)) == (32, 64)
        assert all(url.endswith(file.name) for url in file.urls)
        assert file.urls


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """Pretends that all was fetched into a folder of tiny files."""
    monkeypatch.setattr(known_sources, "fetch", lambda known, progress=None: tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", [Mnist, FashionMnist])
def test_idx_sets(fetched, kind):
    for prefix, count, level in (("train", 6, 10), ("t10k", 2, 20)):
        images = struct.pack(">HBBIII", 0, 8, 3, count, 28, 28) + bytes([level]) * count * 784
        labels = struct.pack(">HBBI", 0, 8, 1, count) + bytes(range(count))
        (fetched / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (fetched / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    data = kind().open()
    assert (data.examples.shape, data.labels.tolist(), data.n_classes) == ((6, 1, 28, 28), [0, 1, 2, 3, 4, 5], 10)
    assert kind(split="test").open().examples.unique().tolist() == [20]
    assert kind(split="all").open().labels.tolist() == [0, 1, 2, 3, 4, 5, 0, 1]
    assert kind().survey().class_counts[KNOWN[kind().name].class_names[0]] == 1


def cifar_archive(path, batches):
    with tarfile.open(path, "w:gz") as tar:
        for name, labels in batches.items():
            records = np.concatenate([np.array(labels)[:, None], np.zeros((len(labels), 3072))], axis=1).astype(np.uint8)
            records[:, 1:1025] = 50 + np.array(labels)[:, None]  # red, plane by plane
            info = tarfile.TarInfo(name)
            info.size = records.size
            tar.addfile(info, io.BytesIO(records.tobytes()))


def test_cifar10(fetched):
    folder = "cifar-10-batches-bin"
    batches = {f"{folder}/data_batch_{number}.bin": [number, 9] for number in range(1, 6)}
    cifar_archive(
        fetched / "cifar-10-binary.tar.gz", {f"{folder}/batches.meta.txt": [1], **batches, f"{folder}/test_batch.bin": [7]}
    )
    data = Cifar10().open()
    assert (data.examples.shape, data.labels.tolist()) == ((10, 3, 32, 32), [1, 9, 2, 9, 3, 9, 4, 9, 5, 9])
    assert data.examples[:, 0, 5, 5].tolist() == [50 + label for label in data.labels.tolist()]
    assert data.examples[:, 1:].max() == 0
    assert (len(Cifar10(split="test").open()), len(Cifar10(split="all").open())) == (1, 11)


def test_a_damaged_archive_is_told(fetched):
    (fetched / "cifar-10-binary.tar.gz").write_bytes(b"\x1f\x8b\x08 no")
    with pytest.raises(DataError, match=r"damaged: .*; delete it"):
        Cifar10().open()
