"""Judgement on a history: rules, what they find, and the one word for it. Knows numbers and names, never tensors."""

from steadygan.diagnosis.base import Evidence, Finding, Rule, Severity
from steadygan.diagnosis.discriminator_wins import DiscriminatorWins
from steadygan.diagnosis.diverging_norms import DivergingNorms
from steadygan.diagnosis.diversity_collapse import DiversityCollapse
from steadygan.diagnosis.judge import DEFAULT_RULES, headline, judge
from steadygan.diagnosis.non_finite import NonFinite
from steadygan.parts import Table

__all__ = [
    "DEFAULT_RULES",
    "RULES",
    "DiscriminatorWins",
    "DivergingNorms",
    "DiversityCollapse",
    "Evidence",
    "Finding",
    "NonFinite",
    "Rule",
    "Severity",
    "headline",
    "judge",
]

RULES: Table[Rule] = Table(
    "rule",
    Rule,
    {
        "non_finite": NonFinite,
        "diverging_norms": DivergingNorms,
        "discriminator_wins": DiscriminatorWins,
        "diversity_collapse": DiversityCollapse,
    },
)
