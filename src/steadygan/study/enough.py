"""How many seeds a study takes for its rules to be upheld at all, if all that is run speaks for them."""

from math import ceil

from steadygan.study.bootstrap import LEAST_CELLS, LEAST_SEEDS
from steadygan.study.rules import Rule, least_pairs
from steadygan.study.study import Study

COUNTED = ("improvement", "failures", "stability")  # by intervals that need no drawing of seeds


def least_seeds(study: Study) -> int:
    """The fewest seeds with which every rule could be upheld; 1 where there is none.

    Holm's correction asks most of the least p. If all pairs agree, that is the p of the rule with most pairs, so of the rules
    by their pairs, fewest first, the j-th wants as many as j tests would.
    """
    tested = sorted(settings_of(study, rule) for rule in study.rules if rule.expect == "better")
    by_test = [ceil(least_pairs(j) / settings) for j, settings in enumerate(tested, 1)]
    drawn = [settings_of(study, rule) for rule in study.rules if rule.measure not in COUNTED]
    by_interval = [max(LEAST_SEEDS, ceil(LEAST_CELLS / settings)) for settings in drawn]
    return max([1, *by_test, *by_interval])


def settings_of(study: Study, rule: Rule) -> int:
    """At how many settings both arms of a rule are run; 1 at least."""
    both = [
        setting
        for setting in rule.settings or study.settings
        if not any(study.why_not(arm, setting) for arm in (rule.a, rule.b))
    ]
    return max(len(both), 1)
