"""Features from a TorchScript file of one's own."""

import warnings
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.jit import ScriptModule

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Extractor
from steadygan.evaluation.images import as_rgb, check_images, resized

RANGES = {"uint8": (255.0, 0.0), "0..1": (1.0, 0.0), "-1..1": (2.0, -1.0)}  # (scale, shift) from [0, 1]


class TorchScriptFile(Extractor):
    """Whatever a TorchScript file makes of an image: `head` and `tap` [N, D]. Opening a file runs its code: trust it first.

    Attributes:
        path: the file, as written by `torch.jit.save`.
        input: what the module takes: uint8 in 0..255, or float32 in 0..1 or -1..1.
        size: resize to size x size first, antialiased; None keeps the images' own size.
        rgb: turn images into three channels first; otherwise the module gets the channels that are there.
        batch_size: images a pass.
        device: where the module runs; features always come back to the CPU.
    """

    name: Literal["torchscript"] = "torchscript"
    path: str
    input: Literal["uint8", "0..1", "-1..1"] = "uint8"
    size: PositiveInt | None = None
    rgb: bool = True
    batch_size: PositiveInt = 64
    device: str = "cpu"

    @property
    def title(self) -> str:
        """`TorchScript inception.pt`."""
        return f"TorchScript {Path(self.path).name}"

    @cached_property
    def network(self) -> ScriptModule:
        """The module, loaded at first use, in eval mode."""
        file = Path(self.path).expanduser()
        if not file.is_file():
            raise EvaluationError(f"torchscript: no file {self.path!r}", "set path= to a file written by torch.jit.save")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # torch would have people use torch.export
                module: ScriptModule = torch.jit.load(str(file), map_location=self.device)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            problem = f"torchscript: {self.path!r} is not a TorchScript module ({first_line(error)})"
            raise EvaluationError(problem, "write it with torch.jit.save(torch.jit.trace(network, example), path)") from None
        return module.eval()

    def features(self, examples: Tensor) -> dict[str, Tensor]:
        """uint8 [N, C, H, W] -> `head` and `tap`, float32 [N, D]."""
        check_images(examples, self.name)
        features = torch.cat([self._pass(batch.to(self.device)) for batch in torch.split(examples, self.batch_size)])
        return {"head": features, "tap": features}

    @torch.inference_mode()
    def _pass(self, images: Tensor) -> Tensor:
        given = self._prepared(images)
        try:
            found = self.network(given)
        except RuntimeError as error:
            problem = f"torchscript: {self.path!r} fails on {given.dtype} {list(given.shape)} ({first_line(error)})"
            raise EvaluationError(problem, "set input=, size= and rgb= to what the module takes") from None
        if not isinstance(found, Tensor) or found.shape != (len(images), found.numel() // len(images)):
            shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise EvaluationError(
                f"torchscript: {self.path!r} must return [N, D], got {shape}", "return one flat tensor an image"
            )
        return found.float().cpu()

    def _prepared(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> what the module takes."""
        unit = resized(as_rgb(images) if self.rgb else images.float() / 255, self.size)
        scale, shift = RANGES[self.input]
        values = unit * scale + shift
        return values.round().to(torch.uint8) if self.input == "uint8" else values


def first_line(error: Exception) -> str:
    """The line of a TorchScript error that says what went wrong: its last one, or its first where there is no trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[0] if lines else type(error).__name__)
