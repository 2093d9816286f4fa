"""Small images on disk for the tests of data."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the cache of the user."""
    torch.set_num_threads(1)
    monkeypatch.setenv("STEADYGAN_DATA", str(tmp_path / "cache"))


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """(level, size, mode, format) -> the bytes of a plain image."""

    def encoded(level: int = 0, size: tuple[int, int] = (8, 8), mode: str = "L", file_format: str = "PNG") -> bytes:
        out = io.BytesIO()
        Image.new("L", size, level).convert(mode).save(out, file_format)
        return out.getvalue()

    return encoded


@pytest.fixture
def folder(tmp_path: Path, encode: Callable[..., bytes]) -> Callable[..., Path]:
    """Names and contents -> a folder `photos`; an int stands for a plain grey image of that level."""

    def write(files: dict[str, object]) -> Path:
        root = tmp_path / "photos"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = encode(content) if isinstance(content, int) else content.encode() if isinstance(content, str) else content
            path.write_bytes(data)
        return root

    return write
