"""The Inception-v3 network of published FID tables, through the extra `fidelity`."""

from functools import cached_property
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Extractor
from steadygan.evaluation.images import as_rgb, check_images


class InceptionV3(Extractor):
    """Pool features [N, 2048] (`head` and `tap`) and `logits` [N, 1008] of the TensorFlow Inception of Heusel et al. 2017.

    arXiv:1706.08500. The network and its resize to 299 x 299 are those of torch-fidelity, which fetches the weights (91 MB) at
    first use. The only extractor whose Frechet distance is FID.

    Attributes:
        weights: a local copy of the weights, for machines without a network; torch-fidelity unpickles it, so trust it first.
        batch_size: images a pass.
        device: where the network runs; features always come back to the CPU.
    """

    name: Literal["inception-v3"] = "inception-v3"
    weights: str | None = None
    batch_size: PositiveInt = 32
    device: str = "cpu"

    @property
    def title(self) -> str:
        """`Inception-v3`."""
        return "Inception-v3"

    @cached_property
    def network(self) -> nn.Module:
        """The network, built at first use; uint8 [B, 3, H, W] -> ([B, 2048], [B, 1008])."""
        try:
            module = feature_extractor()("inception-v3-compat", ["2048", "logits_unbiased"], self.weights)
        except (OSError, RuntimeError, UnpicklingError) as error:
            hint = "connect once, or set weights= to an intact copy of the file"
            raise EvaluationError(f"inception-v3: its weights cannot be had ({error})", hint) from None
        network: nn.Module = module.to(self.device)
        return network

    def features(self, examples: Tensor) -> dict[str, Tensor]:
        """uint8 [N, C, H, W] -> `head` and `tap` [N, 2048], `logits` [N, 1008] without bias, float32."""
        check_images(examples, self.name)
        parts = [self._pass(batch.to(self.device)) for batch in torch.split(examples, self.batch_size)]
        pool, logits = (torch.cat(column) for column in zip(*parts, strict=True))
        return {"head": pool, "tap": pool, "logits": logits}

    @torch.inference_mode()
    def _pass(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pool, logits = self.network((as_rgb(images) * 255).round().to(torch.uint8))
        return pool.float().cpu(), logits.float().cpu()


def feature_extractor() -> Any:
    """The class of torch-fidelity; it is imported only here, because it brings torchvision with it."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError) as error:  # a torchvision that does not fit torch raises RuntimeError at import
        hint = "pip install steadygan[fidelity], with a torchvision made for your torch"
        raise EvaluationError(f"inception-v3: torch-fidelity cannot be imported ({error})", hint) from None
    return FeatureExtractorInceptionV3
