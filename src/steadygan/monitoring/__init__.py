"""What is measured of the game as it stands: one probe a file, one row each in PROBES."""

from steadygan.monitoring.base import Probe
from steadygan.monitoring.diversity import Diversity
from steadygan.monitoring.gradients import InputGradient
from steadygan.monitoring.logits import Logits
from steadygan.monitoring.spectrum import Spectrum
from steadygan.parts import Table

PROBES: Table[Probe] = Table(
    "probe",
    Probe,
    {"logits": Logits, "input_gradient": InputGradient, "diversity": Diversity, "spectrum": Spectrum},
)

DEFAULT_PROBES: tuple[Probe, ...] = (Logits(), InputGradient(), Diversity(), Spectrum())

__all__ = ["DEFAULT_PROBES", "PROBES", "Diversity", "InputGradient", "Logits", "Probe", "Spectrum"]
