"""The main job: processor seconds, KID of 5,000 samples, and whether samples show the class that was asked for.

    python benchmarks/main_job.py [--seeds 3] [--out DIR]

Each seed is one `steadygan train` in a process of its own, on one thread. Its processor time counts everything: start-up,
training, monitoring, pictures, scores on the way and the report. KID is unbiased, over all pairs of EfficientNet-Lite0 head
features of 5,000 samples of the averaged generator against all 10,000 embedded images. Classes are judged by a small CNN
trained on half of the embedded images, whose accuracy on the other half is given beside.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from protocol import write
from torch import nn

from steadygan.applications.synthesis import Sampler
from steadygan.data import source_for
from steadygan.data.source import Dataset
from steadygan.evaluation import EfficientNetLite0, KernelDistance, Reference, Samples
from steadygan.images import from_uint8
from steadygan.sampling import images_of
from steadygan.scoring import latents

N = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    reals = source_for("fashion-mnist-test").open()
    classifier, real_accuracy = trained_classifier(reals)
    print(f"classifier: {real_accuracy:.1%} right on real images it was not trained on")
    reference = Reference(reals.examples, reals.labels, extractor=EfficientNetLite0(), metrics=(KernelDistance(),))
    place = arguments.out or Path(tempfile.mkdtemp())
    rows = []
    for seed in range(arguments.seeds):
        seconds = trained(place / str(seed), seed, arguments.settings)
        row = {"seed": seed, "cpu_seconds": seconds, **scored(place / str(seed), reals, reference, classifier)}
        row |= {"real_accuracy": round(real_accuracy, 4)}
        print(row, flush=True)
        rows.append(row)
    worst = {"kid": max(row["kid"] for row in rows), "accuracy": min(row["accuracy"] for row in rows)}
    print(f"worst of {len(rows)} seeds: KID {worst['kid']:.2f}, accuracy {worst['accuracy']:.1%}")
    write("main_job", __doc__ or "", rows)


def trained(out: Path, seed: int, settings: list[str]) -> float:
    """Run the main job; returns the processor seconds of the whole command."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    options = [part for setting in settings for part in ("--set", setting)]
    command = [sys.executable, "-m", "steadygan", "train", "--seed", str(seed), "--out", str(out), *options]
    subprocess.run(command, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)


def scored(run: Path, reals: Dataset, reference: Reference, classifier: nn.Module) -> dict[str, float]:
    """KID against all reals, and the share of samples that the classifier puts into the class asked for."""
    sampler = Sampler.of(run)
    z, label = latents(N, sampler.z_dim, reals, seed=99)
    fakes = images_of(sampler.generator, z, label)
    fake = Samples(fakes, label, reference.extractor.features(fakes))
    kid = {name: round(value, 4) for name, value in KernelDistance().compare(reference.real, fake).items()}
    return {**kid, "kid_floor": round(reference.floor(N)["kid"], 4), "accuracy": accuracy_of(classifier, fakes, label)}


def trained_classifier(reals: Dataset, epochs: int = 12) -> tuple[nn.Module, float]:
    """A small CNN trained on the even images, and its accuracy on the odd ones."""
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2))
    net = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10))
    images, labels = reals.examples[::2], reals.labels[::2]
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(net(from_uint8(images[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    return net, accuracy_of(net, reals.examples[1::2], reals.labels[1::2])


@torch.no_grad()
def accuracy_of(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images that the classifier puts into their class."""
    guesses = torch.cat([net(from_uint8(part)).argmax(1) for part in images.split(500)])
    return round(float((guesses == labels).float().mean()), 4)


if __name__ == "__main__":
    main()
