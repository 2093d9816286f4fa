"""Plan: the settings for a data set, each with the reason for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from steadygan.planning.fingerprint import Fingerprint

CPU_RESOLUTION, GPU_RESOLUTION = 32, 128  # what trains in minutes on a core, and in hours on a card
FEW, SOME = 1_000, 20_000


@dataclass(frozen=True)
class Line:
    """One decision: `key` as in the config, its value, and why."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Plan:
    """All decisions for a data set, in the order they were made."""

    data: Fingerprint
    lines: tuple[Line, ...]

    def settings(self) -> dict[str, Any]:
        """Config key -> value; a key with a dot is one level down."""
        return {line.key: line.value for line in self.lines}

    def asked(self, changes: Mapping[str, Any]) -> "Plan":
        """The plan with the user's own settings in it: in the place of a decision, or after all of them."""
        lines = [
            replace(line, value=changes[line.key], reason="as asked") if line.key in changes else line for line in self.lines
        ]
        known = {line.key for line in self.lines}
        return Plan(self.data, (*lines, *(Line(key, value, "as asked") for key, value in changes.items() if key not in known)))

    def markdown(self) -> str:
        """The plan as a Markdown table, one reason a line."""
        rows = "\n".join(f"| `{line.key}` | {shown(line.value)} | {line.reason} |" for line in self.lines)
        return f"# Plan\n\n| setting | value | why |\n|---|---|---|\n{rows}\n"


def shown(value: Any) -> str:
    """A value as people write it: `r1(gamma=1.0)`, `spectral_norm`, `none`."""
    if isinstance(value, dict):
        settings = ", ".join(f"{key}={shown(item)}" for key, item in value.items() if key != "name")
        return f"{value.get('name', '')}({settings})" if settings else str(value["name"])
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "none"
    return "as in the data" if value is None else str(value)


def plan(data: Fingerprint, on_gpu: bool) -> Plan:
    """The plan for a fingerprint and a machine: rules from published practice and from our own measurements."""
    return Plan(data, tuple(plan_points() if data.are_points else plan_images(data, on_gpu)))


def plan_images(data: Fingerprint, on_gpu: bool) -> list[Line]:
    """Resolution, channels, classes, size and machine decide everything else."""
    resolution = resolution_for(data, CPU_RESOLUTION if not on_gpu else GPU_RESOLUTION)
    lines = [resolution, channels_for(data), classes_for(data)]
    lines += [batch_for(data), augmentation_for(data), *network_for(on_gpu)]
    return lines + rates_for(on_gpu) + length_for(data, on_gpu) + scores_for(data)


def resolution_for(data: Fingerprint, most: int) -> Line:
    """The data's own size where it is square and small; else the largest power of two that it fills."""
    if data.same_size and data.short_side % 4 == 0 and 8 <= data.short_side <= most:
        return Line("resolution", data.short_side, "all images have this size, so none is resized")
    resolution = max(8, min(1 << (data.short_side.bit_length() - 1), most))
    if resolution < most:
        return Line(
            "resolution", resolution, f"the largest power of two within the median short side of {data.short_side} pixels"
        )
    return Line("resolution", resolution, f"what this machine trains in good time; the images have {data.short_side} pixels")


def channels_for(data: Fingerprint) -> Line:
    """Grey data need one channel."""
    return Line("channels", 1, "all images are grey") if data.grey else Line("channels", 3, "images hold colour")


def classes_for(data: Fingerprint) -> Line:
    """Labels steady training and let a class be asked for; classes of a handful of images cannot be learnt apart."""
    counts = data.class_counts
    if len(counts) < 2:
        return Line("conditional", False, "the data have no classes")
    fewest = min(counts, key=lambda name: counts[name])
    if counts[fewest] < 10:
        return Line("conditional", False, f"class {fewest!r} has {counts[fewest]} images, too few to learn apart")
    return Line("conditional", True, f"{len(counts)} classes; labels steady training, and you can ask for one")


def batch_for(data: Fingerprint) -> Line:
    """64 is the common size; small data take the largest power of two that leaves nine tenths to train on."""
    if data.count * 9 // 10 >= 64:
        return Line("batch_size", 64, "the size that spectrally normalized GANs are published with")
    batch = 1 << max((data.count - data.count // 10).bit_length() - 1, 0)
    return Line("batch_size", batch, f"{data.count} images do not fill a batch of 64")


def augmentation_for(data: Fingerprint) -> Line:
    """With little data the discriminator learns it by heart unless it sees each image changed."""
    if data.count < FEW:
        why = f"{data.count} images: the discriminator would learn them by heart (arXiv:2006.10738)"
        return Line("augmentations", [{"name": "diffaugment", "policy": "color,translation,cutout"}], why)
    if data.count < SOME:
        why = f"{data.count} images: shifts keep the discriminator from learning them by heart (arXiv:2006.10738)"
        return Line("augmentations", [{"name": "diffaugment", "policy": "translation"}], why)
    return Line(
        "augmentations", [], f"{data.count} images are enough; mirror them with --set augmentations=[flip] if that fits"
    )


def network_for(on_gpu: bool) -> list[Line]:
    """Plain convolutions on a CPU, residual blocks on a GPU; spectral normalization and hinge loss in both."""
    loss = Line("loss", {"name": "hinge"}, "the best published partner of spectral normalization (arXiv:1802.05957, table 2)")
    if on_gpu:
        norm = Line("stabilizers", [{"name": "spectral_norm"}], "robust over settings, and cheap (arXiv:1802.05957)")
        return [Line("network", {"name": "resnet"}, "the residual network of the SN-GAN paper"), loss, norm]
    network = {"name": "dcgan", "width": 16, "extra_layers": "generator"}
    why = "robust over settings, and cheap (arXiv:1802.05957); coefficient 2 for narrow networks, as in recipe fashion"
    norm = Line("stabilizers", [{"name": "spectral_norm", "coefficient": 2.0}], why)
    return [Line("network", network, "small enough for processor cores, with a last layer that smooths"), loss, norm]


def rates_for(on_gpu: bool) -> list[Line]:
    """Learning rates that go with the network."""
    if on_gpu:
        adam = {"name": "adam", "beta1": 0.0, "beta2": 0.9}
        return [
            Line("discriminator.optimizer", {**adam, "learning_rate": 4e-4}, "two time scales instead of five critic updates"),
            Line("generator.optimizer", {**adam, "learning_rate": 1e-4}, "a quarter of the discriminator's (arXiv:1805.08318)"),
        ]
    adam = {"name": "adam", "beta1": 0.0, "beta2": 0.9, "learning_rate": 2e-3}
    why = "narrow networks bear, and need, high rates under spectral normalization: 4e-3 was best on Fashion-MNIST"
    return [Line("discriminator.optimizer", adam, why), Line("generator.optimizer", adam, "the same for both")]


def length_for(data: Fingerprint, on_gpu: bool) -> list[Line]:
    """Steps, and the fall of the learning rates over them."""
    steps = (50_000 if data.count >= FEW else 20_000) if on_gpu else 3_000
    why = "hours on a card" if on_gpu else "minutes to an hour on processor cores; go on with `steadygan resume RUN --steps N`"
    return [
        Line("steps", steps, why),
        Line(
            "decay", {"horizon": steps, "hold": 0.7, "final": 0.02}, "full rates for most of it, then a line down to a fiftieth"
        ),
        Line("ema", 0.999, "samples come from the averaged generator: over about a thousand steps"),
    ]


def scores_for(data: Fingerprint) -> list[Line]:
    """What can honestly be scored with so many images."""
    n = min(1000, data.count // 2)
    if n < 50:
        return [Line("evaluation.every", 0, f"{data.count} images are too few to score against")]
    return [Line("evaluation.n", n, "KID has no bias at any n; each score is printed with its real-against-real floor")]


def plan_points() -> list[Line]:
    """Points: the settings that cover the ring of 8 and the grid of 25, in units of the data's own spread."""
    adam = {"name": "adam", "beta1": 0.0, "beta2": 0.99, "learning_rate": 3e-3}
    return [
        Line("network.depth_generator", 4, "four layers found the modes sooner than three; points are divided by their spread"),
        Line("z_dim", 2, "two latents did better than four or eight on the ring and the grid"),
        Line("batch_size", 128, "points are cheap"),
        Line("loss", {"name": "non_saturating"}, "as good as any there under spectral normalization"),
        Line(
            "stabilizers", [{"name": "spectral_norm", "coefficient": 2.0}], "at 1 D is so flat that training hops between modes"
        ),
        Line("discriminator.optimizer", adam, "a third of this rate left the modes blurred after 8,000 steps"),
        Line("generator.optimizer", adam, "the same for both"),
        Line("steps", 16_000, "between what the ring (8,000) and the grid (24,000) need"),
    ]
