"""Monitor: what our own runs measure and judge, for a training loop that somebody else wrote."""

from steadygan.diagnosis.verdict import Verdict
from steadygan.monitor.monitor import Monitor

__all__ = ["Monitor", "Verdict"]
