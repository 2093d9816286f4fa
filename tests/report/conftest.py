"""A made-up run directory that looks like a real one. `python tests/report/conftest.py OUT [troubled]` writes it to look at."""

import gzip
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(__file__).parents[2] / "src/steadygan/data/embedded/t10k-images-idx3-ubyte.gz"
D_LAYERS = [f"block{i}.{part}" for i in (1, 2, 3, 4) for part in ("conv1", "conv2")]
D_LAYERS = [*D_LAYERS[:2], "block1.shortcut", *D_LAYERS[2:4], "block2.shortcut", *D_LAYERS[4:], "dense", "embedding"]
G_LAYERS = ["dense", *(f"block{i}.{part}" for i in (1, 2, 3) for part in ("conv1", "conv2", "shortcut")), "to_image"]

CONFIG = """\
recipe: sngan
data:
  name: embedded
  set: fashion-mnist
resolution: 32
channels: 1
conditional: true
steps: {steps}
seed: 7
batch_size: 64
z_dim: 128
network:
  name: resnet
  width: 32
loss:
  name: hinge
stabilizers:
- name: spectral_norm
  coefficient: 1.0
discriminator:
  optimizer:
    name: adam
    learning_rate: 0.0002
generator:
  optimizer:
    name: adam
    learning_rate: 0.0001
ema: 0.998
"""
PLAN = """\
# Plan

| setting | value | why |
|---|---|---|
| `resolution` | 32 | images are 28 x 28; the next multiple of 4 that a residual network halves three times |
| `conditional` | true | 10 classes, the rarest with 1,000 images |
| `network` | resnet, width 32 | small enough for a CPU: 4 times fewer channels than Miyato et al. 2018, arXiv:1802.05957 |
| `stabilizers` | spectral_norm, coefficient 1 | images of this scale; on 2-D data it would be 8 to 32 |
| `generator.optimizer.learning_rate` | 0.0001 | half the discriminator's: Heusel et al. 2017, arXiv:1706.08500 |
| `steps` | 2000 | about four minutes of one core |

- **10,000 images** are few for a discriminator: `diffaugment` would be added below 5,000.
"""
ENVIRONMENT = {
    "steadygan": "0.1.0",
    "python": "3.12.4",
    "platform": "Linux-6.8.0-x86_64-with-glibc2.39",
    "libraries": {"torch": "2.13.0", "numpy": "2.3.1", "pillow": "12.0.0", "pydantic": "2.12.0"},
    "cpu": {"cores": 2, "threads": 1, "capability": "AVX512"},
    "gpus": [],
    "memory_gib": 7.8,
    "choice": {"dtype": "float32", "threads": 1, "reason": "float32: a step takes 92 ms in float32 and 131 ms in bfloat16"},
}
FINDINGS = [
    {
        "step": 1300,
        "rule": "diversity_collapse",
        "verdict": "MODE-COLLAPSE",
        "severity": "warning",
        "reason": "The samples have 64% of the data's diversity, down from 97%, since step 1,200.",
        "advice": "The generator runs from mode to mode: let it learn ten times slower, "
        "--set generator.optimizer.learning_rate=0.00001.",
        "since": 1200,
        "confidence": 0.94,
        "causes": [
            {
                "name": "the generator is too fast",
                "reason": "a step changes 0.017 of its weights",
                "advice": "Let the generator learn ten times slower",
                "settings": ["generator.optimizer.learning_rate=0.00001"],
            },
            {"name": "the data changed", "reason": "", "advice": "Look at what the loader serves.", "settings": []},
        ],
        "evidence": {"diversity/pairwise_ratio": {"value": 0.6412, "threshold": 0.7, "window": 100, "origin": "this run"}},
    },
    {
        "step": 1700,
        "rule": "diverging_norms",
        "verdict": "DIVERGENCE",
        "severity": "failure",
        "reason": "Logits and gradient norms run away since step 1,550: gap/logits is at 3.2e+05, its own range ends at 100.",
        "advice": "Go back to checkpoints/safe and halve both learning rates: "
        "--set discriminator.optimizer.learning_rate=0.0001 --set generator.optimizer.learning_rate=0.00005.",
        "evidence": {
            "gap/logits": {"value": 321456.7, "threshold": 100.0, "window": 150, "origin": "this run"},
            "grad_norm/discriminator": {"value": 8.1e6, "threshold": 131.2, "window": 150, "origin": "this run"},
        },
    },
    {
        "step": 1900,
        "rule": "non_finite",
        "verdict": "NON-FINITE",
        "severity": "failure",
        "reason": "loss/discriminator and 7 more stopped being a finite number at step 1,900.",
        "advice": "Go back to checkpoints/safe and halve both learning rates.",
        "evidence": {"loss/discriminator": {"value": None, "threshold": None, "window": 0, "origin": "measured"}},
    },
]


def reading(time: float, random: np.random.Generator) -> dict[str, float]:
    """What is read at a share `time` of the way through a healthy run."""

    def near(value: float, scale: float) -> float:
        return float(value + scale * random.standard_normal())

    early = math.exp(-10 * time)
    readings = {
        "loss/discriminator": near(1.25 + 0.7 * early, 0.05),
        "loss/generator": near(0.35 + 0.3 * time - 0.3 * early, 0.06),
        "penalty/r1": abs(near(0.02 + 0.2 * early, 0.01)),
        "grad_norm/discriminator": near(1.2 + 1.5 * early, 0.1),
        "grad_norm/generator": near(0.6 + 0.3 * time, 0.05),
        "grad_norm/fake_images": near(0.08 + 0.02 * time, 0.005),
        "logit/real": near(0.45 + 0.25 * time - 0.4 * early, 0.04),
        "logit/fake": near(-0.42 - 0.3 * time + 0.4 * early, 0.04),
        "logit/held_out": near(0.43 + 0.18 * time - 0.4 * early, 0.05),
        "logit_std/real": near(0.7 - 0.3 * early, 0.03),
        "logit_std/fake": near(0.6 - 0.3 * early, 0.03),
        "dispersion/logits": near(0.86, 0.04),
        "accuracy/discriminator": near(0.76 - 0.2 * early, 0.02),
        "auc/discriminator": near(0.83 - 0.2 * early, 0.02),
        "diversity/pairwise_ratio": near(0.97 - 0.8 * early, 0.015),
        "diversity/within_class": near(0.9 - 0.75 * early, 0.02),
        "diversity/effective_rank_ratio": near(0.82 - 0.6 * early, 0.02),
    }
    for letter, layers in (("D", D_LAYERS), ("G", G_LAYERS)):
        for i, layer in enumerate(layers):
            own = 1.0 if letter == "D" else 1.1 + i * 0.35 * time
            readings[f"sigma/{letter}.{layer}"] = near(own + 0.03 * early, 0.006)
            readings[f"effective_rank/{letter}.{layer}"] = near(0.93 - 0.03 * i - 0.2 * time * (i % 3 == 0), 0.005)
            readings[f"condition/{letter}.{layer}"] = float(np.exp(near(1.5 + 0.25 * i + 1.5 * time, 0.05)))
    for layer in D_LAYERS:
        readings[f"sigma_error/D.{layer}"] = abs(near(0.004 + 0.03 * early, 0.002))
    return readings


def history(steps: int, every: int, troubled: bool) -> list[dict[str, float | None]]:
    """The records of a run; a troubled one loses its diversity, then its norms, then all."""
    random = np.random.default_rng(3)
    records: list[dict[str, float | None]] = []
    for step in range(every, steps + 1, every):
        time = step / steps
        record: dict[str, float | None] = {"step": step, "images_seen": 64 * step, **reading(time, random)}
        if troubled and time > 0.6:
            record["diversity/pairwise_ratio"] = max(0.2, 1.6 - time * 1.5)
        if troubled and time > 0.77:
            for name in ("loss/discriminator", "logit/fake", "gap/logits", "grad_norm/discriminator", "grad_norm/generator"):
                record[name] = float(record.get(name) or 1) * 10 ** ((time - 0.77) * 40)
        if troubled and time >= 0.95:
            record |= {name: None for name in record if name.startswith(("loss/", "logit", "grad_norm/", "sigma/D"))}
        record |= {"learning_rate/discriminator": 2e-4 * (1 - time), "learning_rate/generator": 1e-4 * (1 - time)}
        record |= {"time/seconds": 0.105 * step, "speed/images_per_second": 612 + 8 * math.sin(step), "memory/bytes": 7.1e8}
        records.append(record)
    return records


def sheet(images: np.ndarray, noise: float, random: np.random.Generator) -> Image.Image:
    """Ten by six images with a noise of `noise` standard deviations of grey: uint8 [60, 28, 28]."""
    noisy = images.astype(np.float64) * (1 - 0.6 * min(noise / 160, 1)) + noise * random.standard_normal(images.shape)
    padded = np.pad(np.clip(noisy, 0, 255).astype(np.uint8), ((0, 0), (2, 2), (2, 2)), constant_values=255)
    return Image.fromarray(padded.reshape(6, 10, 32, 32).transpose(0, 2, 1, 3).reshape(192, 320))


def fashion(n: int) -> np.ndarray:
    """The first `n` images of the set that comes with the package: uint8 [n, 28, 28]."""
    with gzip.open(DATA) as file:
        return np.frombuffer(file.read(16 + n * 784), np.uint8, offset=16).reshape(n, 28, 28)


def scores(step: int, steps: int, random: np.random.Generator) -> dict[str, object]:
    """One line of metrics.jsonl."""
    left = math.exp(-4 * step / steps)
    return {
        "step": step,
        "kid": 1.35 + 30 * left + 0.05 * random.standard_normal(),
        "kid_standard_error": 0.05 + left,
        "precision": 0.8 - 0.7 * left,
        "recall": 0.62 - 0.6 * left,
        "coverage": 0.71 - 0.7 * left,
        "floor": {"kid": 0.09, "precision": 0.9, "recall": 0.9, "coverage": 0.96},
        "n_fake": 5000,
        "n_real": 5000,
        "extractor": "EfficientNet-Lite0",
    }


def write_lines(path: Path, records: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def write_run(run: Path, steps: int = 2000, every: int = 50, troubled: bool = False, sheets: int = 9) -> Path:
    """A complete run directory at `run`."""
    (run / "samples").mkdir(parents=True)
    random = np.random.default_rng(5)
    images = fashion(120)
    sheet(images[60:], 0, random).save(run / "reals.png")
    for i in range(sheets):
        step = steps * i // max(sheets - 1, 1)
        sheet(images[:60], 8 + 150 * math.exp(-4 * i / sheets), random).save(run / "samples" / f"{step:06d}.png")
    (run / "config.yaml").write_text(CONFIG.format(steps=steps))
    (run / "plan.md").write_text(PLAN)
    (run / "environment.json").write_text(json.dumps(ENVIRONMENT))
    write_lines(run / "history.jsonl", history(steps, every, troubled))
    metrics = [scores(step, steps, random) for step in range(steps // 8, steps + 1, steps // 8)]
    write_lines(run / "metrics.jsonl", metrics)
    write_lines(run / "findings.jsonl", FINDINGS if troubled else [])
    best = min(metrics, key=lambda item: item["kid"])
    best = {"step": best["step"], "metric": "kid", "value": best["kid"]}
    outcome = {"verdict": "HEALTHY", "step": steps, "images_seen": 64 * steps, "seconds": 210.3, "best": best, "findings": []}
    outcome |= {"verdict": "NON-FINITE", "findings": FINDINGS[1:]} if troubled else {}
    (run / "outcome.json").write_text(json.dumps(outcome))
    return run


@pytest.fixture(scope="session")
def healthy_run(tmp_path_factory):
    """A finished healthy run; do not write into it."""
    return write_run(tmp_path_factory.mktemp("runs") / "fashion")


@pytest.fixture(scope="session")
def troubled_run(tmp_path_factory):
    """A run that collapsed, diverged and ended in NaN; do not write into it."""
    return write_run(tmp_path_factory.mktemp("runs") / "troubled", troubled=True)


@pytest.fixture
def new_run(tmp_path):
    """`new_run(**settings)` writes a run directory of one's own."""
    return lambda **settings: write_run(tmp_path / "run", **settings)


if __name__ == "__main__":
    write_run(Path(sys.argv[1]), troubled="troubled" in sys.argv)
