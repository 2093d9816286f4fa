"""TensorBoard, fed with the same numbers as the files of a run."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor


class Tracker:
    """Writes scalars, pictures and words to a TensorBoard directory.

    Args:
        folder: where its event files go.
        step: what was written after it by an earlier session is hidden.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder.resolve()), purge_step=step + 1)

    def scalars(self, values: Mapping[str, Any], step: int) -> None:
        """Write each finite number under its name."""
        for name, value in values.items():
            if isinstance(value, int | float) and name != "step" and math.isfinite(value):
                self._writer.add_scalar(name, value, step)

    def image(self, name: str, image: Tensor, step: int) -> None:
        """Write one picture uint8 [C, H, W]."""
        self._writer.add_image(name, image[:3], step)

    def text(self, name: str, text: str, step: int) -> None:
        """Write one line of words."""
        self._writer.add_text(name, text, step)

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
