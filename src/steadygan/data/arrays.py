"""Images or points in a .npy or .npz file."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from steadygan.data.decoding import as_labels
from steadygan.data.in_memory import InMemory
from steadygan.data.memory import allocate
from steadygan.data.source import Dataset, Progress
from steadygan.errors import DataError

Array = NDArray[Any]
IMAGE_KEYS = ("images", "image", "samples", "data", "x", "arr_0")
LABEL_KEYS = ("labels", "label", "y")
CHANNELS = (1, 3, 4)
SLACK = 1e-3  # how far rounding may carry floats beyond the range they were made for
CHUNK = 1024  # images looked at in one go, so that no second copy of the whole is made


class Arrays(InMemory):
    """Images [N, H, W], [N, H, W, C] or [N, C, H, W], or points [N, D], in a .npy or .npz file.

    Images are uint8, whole numbers from 0 to 255, or floats in [0, 1] or [-1, 1]; the name of the dataset says what was taken.
    In a .npz the labels are found under labels, label or y. Pickled objects are refused: reading them
    would run code.
    """

    name: Literal["array"] = "array"
    path: Path

    def load(self, progress: Progress | None = None) -> Dataset:
        """The images as uint8 [N, C, H, W], or the points as float32 [N, D].

        Raises:
            DataError: the file is damaged, holds objects, NaN or infinities, or a shape or range that means nothing here.
        """
        where = self.path.name
        values, raw_labels = _examples_and_labels(_load(self.path.expanduser(), where), where)
        low, high = _range(values, where)
        if values.ndim == 2:
            examples, meaning = _points(values, where), "points"
        else:
            layout, images = _as_nhwc(values, where)
            scale, offset, kind = _scaling(images.dtype, low, high, where)
            examples, meaning = _as_uint8(images, scale, offset, progress), f"{layout} {kind}"
        labels, class_names = (None, ()) if raw_labels is None else _labels(raw_labels, len(values), where)
        return Dataset(f"{where} ({meaning})", examples, labels, class_names)


def _load(path: Path, where: str) -> dict[str, Array]:
    """The arrays of the file by name; a .npy file is mapped into memory and called arr_0."""
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                file.seek(0)
                with np.load(file, allow_pickle=False) as archive:
                    return {key: archive[key] for key in archive.files}
        return {"arr_0": np.load(path, mmap_mode="c", allow_pickle=False)}
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file", "give the path of a .npy or .npz file") from None
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, SyntaxError) as error:
        if "object" in str(error).lower():
            raise DataError(f"{where}: holds Python objects, which can run code and are refused", "save plain arrays") from None
        raise DataError(f"{where}: not a .npy or .npz file or damaged: {error}", "save it again with numpy") from None


def _examples_and_labels(arrays: dict[str, Array], where: str) -> tuple[Array, Array | None]:
    """The array of examples and that of labels, if there is one."""
    label_key = next((key for key in LABEL_KEYS if key in arrays), None)
    others = [key for key in arrays if key != label_key]
    key = others[0] if len(others) == 1 else next((key for key in IMAGE_KEYS if key in others), None)
    if key is None:
        found = ", ".join(arrays) or "nothing"
        raise DataError(f"{where}: cannot tell which array holds the images, found {found}", "call it 'images'")
    if not arrays[key].size:
        raise DataError(
            f"{where}: {key!r} is empty, its shape is {list(arrays[key].shape)}", "there must be at least one example"
        )
    return arrays[key], arrays[label_key] if label_key else None


def _chunks(values: Array) -> Iterator[tuple[int, Array]]:
    """(index of its first example, chunk) over the whole array."""
    for start in range(0, len(values), CHUNK):
        yield start, values[start : start + CHUNK]


def _range(values: Array, where: str) -> tuple[float, float]:
    """Least and greatest value; refuses NaN and infinities with their number and the place of the first."""
    if values.dtype.kind not in "buif":
        raise DataError(f"{where}: expected numbers, got {values.dtype}", "save images as uint8")
    wrong, first = 0, ""
    low, high = np.inf, -np.inf
    for start, chunk in _chunks(values):
        places = np.argwhere(~np.isfinite(chunk))
        if len(places) and not wrong:
            first = str([int(place) for place in places[0] + np.eye(1, places.shape[1], dtype=np.int64)[0] * start])
        wrong += len(places)
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    if wrong:
        raise DataError(f"{where}: {wrong} values are NaN or infinite, the first at {first}", "repair or drop these examples")
    return low, high


def _points(values: Array, where: str) -> Tensor:
    """Points as float32 [N, D]."""
    if values.dtype.kind != "f":
        raise DataError(
            f"{where}: [N, D] of {values.dtype} is neither images nor points", "reshape to [N, H, W] or save as float"
        )
    return torch.from_numpy(np.array(values, dtype=np.float32))


def _as_nhwc(values: Array, where: str) -> tuple[str, Array]:
    """(layout found, view as [N, H, W, C]); where two layouts fit, the one with square images is taken."""
    if values.ndim == 3:
        return "NHW", values[..., None]
    if values.ndim == 4:
        fits = {"NHWC": values} if values.shape[3] in CHANNELS else {}
        if values.shape[1] in CHANNELS:
            fits["NCHW"] = values.transpose(0, 2, 3, 1)
        square = {layout: view for layout, view in fits.items() if view.shape[1] == view.shape[2]}
        fits = fits if len(fits) == 1 else square
        if len(fits) == 1:
            return next(iter(fits.items()))
    raise DataError(
        f"{where}: cannot tell the layout of {list(values.shape)}", "expected [N, H, W, C] or [N, C, H, W] with C of 1, 3 or 4"
    )


def _scaling(dtype: np.dtype[Any], low: float, high: float, where: str) -> tuple[float, float, str]:
    """(scale, offset, kind) such that `scale * x + offset` lies in 0 to 255."""
    if dtype.kind == "b":
        return 255.0, 0.0, "bool"
    if dtype.kind in "ui" and low >= 0 and high <= 255:
        return 1.0, 0.0, str(dtype)
    if dtype.kind == "f" and low >= -SLACK and high <= 1 + SLACK:
        return 255.0, 0.0, f"{dtype} taken as [0, 1]"
    if dtype.kind == "f" and low >= -1 - SLACK and high <= 1 + SLACK:
        return 127.5, 127.5, f"{dtype} taken as [-1, 1]"
    hint = "save uint8, or floats in [0, 1] or [-1, 1]"
    raise DataError(f"{where}: {dtype} pixels from {low:g} to {high:g} have no known meaning", hint)


def _as_uint8(images: Array, scale: float, offset: float, progress: Progress | None) -> Tensor:
    """Images as bytes: [N, H, W, C] of any kind -> uint8 [N, C, H, W]."""
    count, height, width, channels = images.shape
    out = allocate((count, channels, height, width))
    for start, chunk in _chunks(images):
        if chunk.dtype != np.uint8:
            chunk = np.rint(chunk.astype(np.float32) * scale + offset).clip(0, 255).astype(np.uint8)
        out[start : start + len(chunk)] = torch.from_numpy(np.ascontiguousarray(chunk.transpose(0, 3, 1, 2)))
        if progress:
            progress(start + len(chunk), count)
    return out


def _labels(labels: Array, count: int, where: str) -> tuple[Tensor, tuple[str, ...]]:
    """One class an example, whole numbers or words: [N] or [N, 1] -> ([N] int64, class names)."""
    if labels.shape not in ((count,), (count, 1)):
        raise DataError(f"{where}: labels have shape {list(labels.shape)}, expected [{count}]", "give one class an example")
    whole = labels.dtype.kind in "buiU" or (labels.dtype.kind == "f" and bool((labels == np.rint(labels)).all()))
    if not whole:
        raise DataError(f"{where}: labels must be whole numbers or words, got {labels.dtype}", "save them as integers")
    flat = labels.reshape(-1)
    return as_labels([str(label) for label in (flat if flat.dtype.kind == "U" else flat.astype(np.int64)).tolist()])
