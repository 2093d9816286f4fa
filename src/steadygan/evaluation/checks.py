"""What a metric asks of its samples before it computes anything."""

from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Samples


def tap_of(samples: Samples, tap: str, metric: str, at_least: int) -> Tensor:
    """The features at `tap`, float32 [N, F], all finite, N at least `at_least`.

    Raises:
        EvaluationError: there is no such tap, there are too few samples, or a feature is not finite.
    """
    if tap not in samples.features:
        raise EvaluationError(
            f"{metric}: this extractor has no tap {tap!r}", f"taps here: {', '.join(samples.features)}; choose one with tap="
        )
    features = samples.features[tap]
    if len(features) < at_least:
        raise EvaluationError(f"{metric}: needs at least {at_least} samples, got {len(features)}", "give more samples")
    if not features.isfinite().all():
        bad = int((~features.isfinite()).flatten(1).any(1).sum())
        raise EvaluationError(
            f"{metric}: {bad} of {len(features)} samples have features that are not finite", "look for NaN in the samples"
        )
    return features
