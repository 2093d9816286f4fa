"""Whether a verdict may be called one by rules that were fixed before: what a study asked when its first cell was run."""

from typing import Any

from steadygan.study.place import StudyDirectory
from steadygan.study.study import Study, read_study

WAY = {"unit"}  # words, which decide nothing


def record(place: StudyDirectory, study: Study) -> str:
    """What is on record of the rules of a study, in a sentence or two."""
    if not place.begun.is_file():
        return "When the rules were written is not on record here."
    before = read_study(place.begun)
    if asked(before) != asked(study):
        return "The rules, or what they ask, were changed after cells had been run: read them as an afterthought."
    later = sorted(set(study.seeds) - set(before.seeds))
    told = "The rules were written down with the study, before it was run."
    return told + f" Later added: seed{'s' * (len(later) > 1)} {', '.join(map(str, later))}." * bool(later)


def asked(study: Study) -> dict[str, Any]:
    """All that decides what the rules of a study mean, but for the arms, whose cells are bound to their settings."""
    metrics = {rule.metric: study.metrics[rule.metric].model_dump(mode="json", exclude=WAY) for rule in study.rules}
    everywhere = list(study.settings) if any(not rule.settings for rule in study.rules) else []
    return {"rules": [rule.model_dump(mode="json") for rule in study.rules], "metrics": metrics, "settings": everywhere}
