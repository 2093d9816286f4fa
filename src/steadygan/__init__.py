"""steadygan: adversarial training kept steady, with measured spectral normalization at its heart.

>>> import steadygan
>>> config = steadygan.recipes.fashion()  # doctest: +SKIP
>>> outcome = steadygan.train(config, "runs/first")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steadygan import losses, recipes, spectral, stabilizers, training
    from steadygan.applications.scoring import evaluate
    from steadygan.applications.synthesis import sample
    from steadygan.config import Config
    from steadygan.launch import resume, train
    from steadygan.monitor import Monitor, Verdict
    from steadygan.outcome import Outcome
    from steadygan.report import write_report

__all__ = [
    "Config",
    "Monitor",
    "Outcome",
    "Verdict",
    "evaluate",
    "losses",
    "recipes",
    "resume",
    "sample",
    "spectral",
    "stabilizers",
    "train",
    "training",
    "write_report",
]

_HOMES = {
    "Config": "config",
    "Monitor": "monitor",
    "Outcome": "outcome",
    "Verdict": "monitor",
    "evaluate": "applications.scoring",
    "resume": "launch",
    "sample": "applications.synthesis",
    "train": "launch",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import steadygan` alone stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'steadygan' has no attribute {name!r}")
    if name not in _HOMES:
        return import_module(f"steadygan.{name}")
    return getattr(import_module(f"steadygan.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
