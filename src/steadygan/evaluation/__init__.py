"""Numbers on samples: one extractor or metric a file, one row each in EXTRACTORS and METRICS."""

from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.conditional import ConditionalAccuracy
from steadygan.evaluation.features import EfficientNetLite0
from steadygan.evaluation.frechet import FrechetDistance
from steadygan.evaluation.inception import InceptionV3
from steadygan.evaluation.inception_style import InceptionStyleScore
from steadygan.evaluation.kernel import KernelDistance
from steadygan.evaluation.memorization import Memorization
from steadygan.evaluation.modes import ModeCoverage
from steadygan.evaluation.neighbours import Neighbours
from steadygan.evaluation.plain import Pixels, Points
from steadygan.evaluation.score import Reference, Scores, score
from steadygan.evaluation.stacked_modes import StackedModes
from steadygan.evaluation.torchscript import TorchScriptFile
from steadygan.evaluation.wasserstein import Wasserstein1
from steadygan.parts import Table

EXTRACTORS: Table[Extractor] = Table(
    "extractor",
    Extractor,
    {
        "efficientnet-lite0": EfficientNetLite0,
        "inception-v3": InceptionV3,
        "pixels": Pixels,
        "points": Points,
        "torchscript": TorchScriptFile,
    },
)

METRICS: Table[Metric] = Table(
    "metric",
    Metric,
    {
        "kid": KernelDistance,
        "frechet": FrechetDistance,
        "prdc": Neighbours,
        "memorization": Memorization,
        "modes": ModeCoverage,
        "inception_style": InceptionStyleScore,
        "conditional_accuracy": ConditionalAccuracy,
        "stacked_modes": StackedModes,
        "wasserstein_1": Wasserstein1,
    },
)

__all__ = [
    "EXTRACTORS",
    "METRICS",
    "ConditionalAccuracy",
    "EfficientNetLite0",
    "Extractor",
    "FrechetDistance",
    "InceptionStyleScore",
    "InceptionV3",
    "KernelDistance",
    "Memorization",
    "Metric",
    "ModeCoverage",
    "Neighbours",
    "Pixels",
    "Points",
    "Reference",
    "Samples",
    "Scores",
    "StackedModes",
    "TorchScriptFile",
    "Wasserstein1",
    "score",
]
