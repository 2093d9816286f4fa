"""SHIM until trials.py imports the package."""

from steadygan.card.truth import SERIES, STABLE, Truth, judged  # noqa: F401
