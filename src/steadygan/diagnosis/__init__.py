"""Judgement on a history: rules, what they find, and the one word for it. Knows numbers and names, never tensors."""

from steadygan.diagnosis.base import Cause, Evidence, Finding, Rule, Severity
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.judge import DEFAULT_RULES, headline, judge
from steadygan.diagnosis.state import Says, StateRule
from steadygan.diagnosis.verdict import Verdict
from steadygan.parts import Table

RULES: Table[Rule] = Table("rule", Rule, {rule.name: type(rule) for rule in DEFAULT_RULES})

__all__ = [
    "DEFAULT_RULES",
    "RULES",
    "Cause",
    "Course",
    "Evidence",
    "Finding",
    "Rule",
    "Says",
    "Severity",
    "StateRule",
    "Verdict",
    "headline",
    "judge",
]
