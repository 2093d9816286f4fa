"""What is measured of the game as it stands: one probe a file, one row each in PROBES."""

from steadygan.monitoring.averaged import Averaged
from steadygan.monitoring.base import Probe
from steadygan.monitoring.cells import Cells
from steadygan.monitoring.diversity import Diversity
from steadygan.monitoring.gradients import InputGradient
from steadygan.monitoring.labels import Labels
from steadygan.monitoring.logits import Logits
from steadygan.monitoring.memorization import Memorization
from steadygan.monitoring.slope import CriticSlope
from steadygan.monitoring.spectrum import Spectrum
from steadygan.parts import Table

PROBES: Table[Probe] = Table(
    "probe",
    Probe,
    {
        "logits": Logits,
        "input_gradient": InputGradient,
        "diversity": Diversity,
        "averaged": Averaged,
        "cells": Cells,
        "spectrum": Spectrum,
        "labels": Labels,
        "memorization": Memorization,
        "critic_slope": CriticSlope,
    },
)

# Those that rules read. `input_gradient` is for people: no rule needs it, and its way back through the discriminator costs.
DEFAULT_PROBES: tuple[Probe, ...] = (
    *(Logits(), Diversity(), Averaged()),
    *(Cells(), Labels(), Memorization(), Spectrum()),
)

__all__ = [
    "DEFAULT_PROBES",
    "PROBES",
    "Averaged",
    "Cells",
    "CriticSlope",
    "Diversity",
    "InputGradient",
    "Labels",
    "Logits",
    "Memorization",
    "Probe",
    "Spectrum",
]
