"""What a metric asks of its samples before it computes anything."""

from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Samples


def tap_of(samples: Samples, tap: str, metric: str, at_least: int) -> Tensor:
    """The features at `tap`, float32 [N, F], all finite, with N at least `at_least`.

    Raises:
        EvaluationError: there is no such tap, there are too few samples, or some features are not finite.
    """
    if tap not in samples.features:
        hint = f"taps here: {', '.join(samples.features)}"
        raise EvaluationError(f"{metric}: this extractor has no tap {tap!r}", hint)
    features = samples.features[tap]
    enough(len(features), metric, at_least)
    bad = int((~features.isfinite()).any(1).sum())
    if bad:
        problem = f"{metric}: {bad} of {len(features)} samples have features that are not finite"
        raise EvaluationError(problem, "look for NaN or infinity in the samples")
    return features


def enough(found: int, metric: str, at_least: int) -> None:
    """Raises EvaluationError for fewer than `at_least` samples."""
    if found < at_least:
        raise EvaluationError(f"{metric}: needs at least {at_least} samples on each side, got {found}", "give more samples")
