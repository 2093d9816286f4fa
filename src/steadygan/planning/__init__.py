"""Planning: from data to settings, each with its reason."""

from steadygan.planning.fingerprint import Fingerprint, fingerprint
from steadygan.planning.plan import Line, Plan, plan

__all__ = ["Fingerprint", "Line", "Plan", "fingerprint", "plan"]
