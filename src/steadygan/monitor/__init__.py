"""Monitor: what our own runs measure and judge, for a training loop that somebody else wrote."""

from steadygan.monitor.monitor import Monitor
from steadygan.monitor.verdict import Verdict

__all__ = ["Monitor", "Verdict"]
