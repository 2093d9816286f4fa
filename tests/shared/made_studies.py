"""Made-up studies that look like real ones. `python tests/shared/made_studies.py OUT 14 6 6` writes one to look at."""

import json
import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from steadygan.study.measures import Traces, measured
from steadygan.study.place import StudyDirectory
from steadygan.study.report import write_study_report
from steadygan.study.result import Result, write_results
from steadygan.study.study import Study
from steadygan.study.table import write_verdict

ARMS = ("none", "batch_norm", "layer_norm", "weight_norm", "clipping", "orthogonal", "wgan_gp")
ARMS = (*ARMS, "r1", "rpgan_r1r2", "sn", "sn_r1", "sn_gp", "sn-k5", "gradient_normalization")
METRICS = {
    "quality": {"of": "score/high_quality", "higher_is_better": True, "fails_below": 0.1},
    "reverse_kl": {"of": "score/reverse_kl", "at": "best"},
    "modes": {"of": "score/modes", "higher_is_better": True},
    "to_half": {"of": "score/high_quality", "at": "step", "reach": 0.5, "unit": "steps"},
    "seconds_to_half": {"of": "score/high_quality", "at": "second", "reach": 0.5, "unit": "s"},
    "ms": {"of": "cost/ms_per_step", "unit": "ms"},
}
ENVIRONMENT = {
    "steadygan": "0.1.0",
    "python": "3.12.4",
    "platform": "Linux-6.8.0-x86_64-with-glibc2.39",
    "libraries": {"torch": "2.13.0", "numpy": "2.3.1"},
    "cpu": {"cores": 2, "threads": 1, "capability": "AVX512"},
    "gpus": [],
    "memory_gib": 7.8,
}


def made_study(arms: int = 3, settings: int = 2, seeds: int = 3, **more: object) -> Study:
    """A study of the first so many arms."""
    names = (*ARMS[: arms - 2], *ARMS[-2:])
    rules = [{"a": names[-1], "b": names[0], "metric": "quality", "measure": "stability", "margin": 0.1}]
    rules += [{"a": names[-1], "b": other, "metric": "quality", "measure": "improvement"} for other in names[1:-1]]
    told = {
        "name": "robustness",
        "title": "Spectral normalization trains at more settings than the other stabilizers do.",
        "about": "Miyato et al. 2018 (arXiv:1802.05957, section 4.1) say so of CIFAR-10 at six settings of Adam.",
        "limits": "Rings of points are no images: nothing here speaks of quality at scale.",
        "tier": "s",
        "base": {"recipe": "ring", "set": ["steps=2000", "evaluation.every=200"]},
        "arms": {name: {"set": [f"stabilizers=[{{name: {name}}}]"]} for name in names},
        "settings": {letter: [f"discriminator.optimizer.learning_rate={i + 1}e-4"] for i, letter in enumerate("ABCDEFGHIJKL")},
        "seeds": seeds,
        "metrics": METRICS,
        "rules": rules,
    }
    told["settings"] = dict(list(told["settings"].items())[:settings])
    return Study.of({**told, **more})


def made_result(study: Study, arm: str, setting: str, seed: int, steps: int = 2000) -> Result:
    """A cell's made-up result; the same for the same cell. Harder settings and worse arms fail more often."""
    a, s = list(study.arms).index(arm) / max(len(study.arms) - 1, 1), list(study.settings).index(setting)
    random = np.random.default_rng([int(100 * a), s, seed])
    skill = 1.6 + 2.2 * a - 0.45 * s + 0.5 * random.standard_normal()
    died = steps * 3 // 5 if skill < -0.3 else None
    cost = {
        "ms_per_step": 2.6 * (1 + 0.7 * a + 0.04 * random.standard_normal()),
        "cpu_seconds": 0.0,
        "seconds": 0.0,
        "attempts": 1.0,
    }
    cost |= {"cpu_seconds": round(steps * cost["ms_per_step"] / 900, 3), "seconds": round(steps * cost["ms_per_step"] / 400, 3)}
    scores = [score_row(step, steps, skill, random) for step in range(200, (died or steps) + 1, 200)]
    traces = {name: trace(name, steps, died, a, s, random) for name in ("sigma", "effective_rank", "wobble")}
    values = {
        name: None if died and not each.of.startswith("cost/") else measured(each, Traces(scores, (), cost))
        for name, each in study.metrics.items()
    }
    return Result(
        arm=arm, setting=setting, seed=seed, state="diverged" if died else "finished",
        verdict="NON-FINITE" if died else "HEALTHY" if skill > 1 else "MODE-COLLAPSE",
        step=died or steps, scores=scores, traces=traces, cost=cost,
        values={name: value for name, value in values.items() if study.metrics[name].repeats},
        timed={name: value for name, value in values.items() if not study.metrics[name].repeats},
    )  # fmt: skip


def score_row(step: int, steps: int, skill: float, random: np.random.Generator) -> dict[str, object]:
    """A row of metrics.jsonl."""
    level = 1 / (1 + math.exp(1 - skill)) * (1 - math.exp(-4 * step / steps)) + 0.015 * random.standard_normal()
    level = min(max(level, 0.0), 1.0)
    floor = {"modes": 8.0, "high_quality": 0.989, "reverse_kl": 0.002}
    told = {"floor": floor, "main": "modes", "n_real": 1000, "n_fake": 1000, "n_floor": 1000, "extractor": "points"}
    return {
        "step": step,
        "modes": float(round(8 * level**0.3)),
        "high_quality": level,
        "reverse_kl": 0.5 * (1.01 - level),
        **told,
    }


def trace(
    name: str, steps: int, died: int | None, a: float, s: int, random: np.random.Generator
) -> list[tuple[int, float | None]]:
    """A digest of a history."""
    found: list[tuple[int, float | None]] = []
    for step in range(100, (died or steps) + 1, 100):
        time = step / steps
        level = {
            "sigma": 1 + (1 - a) * (6 + s) * time,
            "effective_rank": 0.8 - 0.4 * (1 - a) * time,
            "wobble": 1 + 4 / (1 + 9 * time),
        }
        found.append((step, level[name] * (1 + 0.04 * float(random.standard_normal()))))
    return [*found[:-1], (died, None)] if died else found


def made_results(study: Study) -> list[Result]:
    """The results of all cells, in the order of the study."""
    return [made_result(study, cell.arm, cell.setting, cell.seed) for cell in study.cells()]


def write_study(path: Path, study: Study, results: list[Result], pictures: bool = True) -> StudyDirectory:
    """A study's directory; with sample sheets and machine, or as a results.jsonl that was copied elsewhere."""
    place = StudyDirectory(path)
    place.create(study)
    write_results(place.results, results)
    for result in results if pictures else ():
        cell = place.cells / result.cell.id
        (cell / "samples").mkdir(parents=True)
        (cell / "environment.json").write_text(json.dumps(ENVIRONMENT))
        (cell / "config.yaml").write_text("data:\n  name: ring\n  modes: 8\nsteps: 2000\n")
        noise = np.random.default_rng(result.seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(cell / "samples" / f"{result.step:06d}.png")
    return place


if __name__ == "__main__":
    made = made_study(*map(int, sys.argv[2:5]))
    written = write_study(Path(sys.argv[1]), made, made_results(made))
    print(write_verdict(written), write_study_report(written))
