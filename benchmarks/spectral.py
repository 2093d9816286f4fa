"""Our spectral normalization beside torch's, and beside none: work, whole steps, accuracy, compiled steps, kernel launches.

    python benchmarks/spectral.py [work step start compile launches] [--device cpu] [--rounds 30]

All variants of a row run in turns in one process on one thread; compared is processor time (on a GPU the clock, synchronized).

work      What normalization costs in one GAN step: the normalized weights are read for real and for fake images, one backward
          pass brings a gradient to them, the stored weights change, they are read for the generator's step, a second backward
          pass. The same with plain weights is subtracted. Stored weights follow a trajectory recorded from training (Adam,
          2e-4, the steps after the first 20, batch 16), so that the number of iterations is that of training. `floor` are the
          bare products and passes over the weights that one refresh, one division and two backward passes need, as torch's
          operations; `without` is ours without its kernels in C.
step      A whole discriminator and generator step (hinge loss, Adam), over the same step without normalization. A turn is five
          steps of one variant, since a training is steps of one network in a row; `_cold` are turns of one step, in which
          each finds the processor's caches full of the others.
start     Relative error of sigma against the exact one over the first steps of training with torch's normalization, for torch's
          vectors (after each of its three iterations a step) and for ours in their shadow.
compile   As `step`, the discriminator compiled, fullgraph.
launches  How many kernels one GAN step's normalization work launches on a GPU.
"""

import argparse
import copy
import statistics
import sys
from collections.abc import Callable
from functools import partial

import torch
from protocol import write
from spectral_variants import Variant, counted, gan_step, trajectory, variants, without_kernels
from torch import Tensor, nn
from turns import in_turns

from networks import discriminator_cnn, discriminator_resnet, fashion, generator_cnn
from steadygan.spectral import SpectralNorm, singular_values

STEPS = 5  # of one variant in a row
NETS: dict[str, Callable[[], nn.Module]] = {
    "SNGAN-32, 128 channels": lambda: discriminator_resnet(128),
    "SN-DCGAN-32, width 64": lambda: discriminator_cnn(64),
    "SN-DCGAN-32, width 16": lambda: discriminator_cnn(16),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), choices=[[], *PARTS], metavar="part")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for part in arguments.parts:
        print(f"\n{part}")
        rows = PARTS[part](torch.device(arguments.device), arguments.rounds)
        for row in rows:
            print("  " + ", ".join(f"{key} {value}" for key, value in row.items()))
        if rows:
            write(f"spectral_{part}" + ("" if arguments.device == "cpu" else f"_{arguments.device}"), __doc__ or "", rows)


def work(device: torch.device, rounds: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, build in NETS.items():
        torch.manual_seed(0)
        net = build().to(device)
        path = trajectory(net, 8, device)
        gradients = [torch.randn_like(weight) * 1e-3 for weight in path[0]]
        todo = variants(net) | {"without": without_kernels(net)}
        there_and_back = path + path[::-1]
        for one in todo.values():
            one.set(path[0])
            one.refresh()
        jobs: dict[str, Callable[[int], None]] = {
            kind: partial(follow, one, there_and_back, gradients) for kind, one in todo.items()
        }
        jobs["floor"] = floor(todo["none"], gradients)
        with counted() as counts:
            spent = in_turns(jobs, rounds if name != "SN-DCGAN-32, width 64" else max(8, rounds // 3), device)
        typical = {kind: statistics.median(values) for kind, values in spent.items()}
        theirs, ours = typical["torch"] - typical["none"], typical["ours"] - typical["none"]
        iterations = counts["maps"] / max(1, counts["refreshes"]) / len(gradients)
        row = {"torch_ms": theirs, "ours_ms": ours, "floor_ms": typical["floor"], "ratio": theirs / ours}
        row |= {"without_ms": typical["without"] - typical["none"]}
        rows.append({"net": name, **{key: round(value, 2) for key, value in row.items()}, "iterations": round(iterations, 2)})
    return rows


def follow(one: Variant, path: list[list[Tensor]], gradients: list[Tensor], turn: int) -> None:
    """One step's work, on the weights of that turn."""
    one.work(path[turn % len(path)], gradients)


def floor(one: Variant, gradients: list[Tensor]) -> Callable[[int], None]:
    """Two products with each matrix, one scaled copy, and twice an inner product and a rank-one update of the gradient."""
    flat = [raw.detach().flatten(1) for raw in one.raws]
    three = [torch.randn(3, weight.shape[1], device=weight.device) for weight in flat]
    left = [torch.randn(1, len(weight), device=weight.device) for weight in flat]

    def run(_: int) -> None:
        for weight, rows, u in zip(flat, three, left, strict=True):
            torch.mm(rows, weight.T)
            torch.mm(u, weight)
        scaled = torch._foreach_mul(flat, 0.5)
        for _ in range(2):
            for weight, gradient, u, v in zip(scaled, gradients, left, three, strict=True):
                torch.dot(weight.view(-1), gradient.view(-1))
                torch.addr(gradient.flatten(1), u[0], v[0], beta=0.5, alpha=0.1)

    return run


def step(
    device: torch.device, rounds: int, wrap: Callable[[nn.Module], nn.Module] = lambda net: net
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    data = fashion().to(device)

    def play(one: Variant, player: nn.Module, batch: int, rest: list[torch.optim.Optimizer], steps: int, turn: int) -> None:
        for i in range(steps * turn, steps * turn + steps):
            gan_step(one, player, data[batch * i % 9000 :][:batch], rest)

    for width, batch in ((16, 8), (16, 64), (64, 16)):
        torch.manual_seed(0)
        todo, generator = variants(discriminator_cnn(width).to(device)), generator_cnn(width).to(device)
        jobs: dict[str, Callable[[int], None]] = {}
        cold: dict[str, Callable[[int], None]] = {}
        for kind, one in todo.items():
            player, rest = copy.deepcopy(generator), [torch.optim.Adam(one.net.parameters(), 2e-4, betas=(0.0, 0.9))]
            rest.append(torch.optim.Adam(player.parameters(), 2e-4, betas=(0.0, 0.9)))
            one.net = wrap(one.net)
            jobs[kind], cold[kind] = (partial(play, one, player, batch, rest, steps) for steps in (STEPS, 1))
        turns = rounds if width == 16 else max(8, rounds // 3)
        row: dict[str, object] = {"net": f"SN-DCGAN-32, width {width}, batch {batch}"}
        for ending, spent in (("", in_turns(jobs, turns, device)), ("_cold", in_turns(cold, turns, device))):
            for kind in ("torch", "ours"):
                ratios = [mine / none for mine, none in zip(spent[kind], spent["none"], strict=True)]
                row[kind + ending] = round(statistics.median(ratios), 3)
                row[f"{kind}_least{ending}"] = round(min(spent[kind]) / min(spent["none"]), 3)
            row[f"none{ending}_ms"] = round(statistics.median(spent["none"]) / (1 if ending else STEPS), 1)
        rows.append(row)
    return rows


def compiled(device: torch.device, rounds: int) -> list[dict[str, object]]:
    torch._dynamo.config.recompile_limit = 64  # the networks share the code of Sequential, and each is compiled for two uses
    return step(device, rounds, lambda net: torch.compile(net, fullgraph=True))


def start(_: torch.device, __: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    nets = {"width 16": lambda: discriminator_cnn(16), "width 32": lambda: discriminator_cnn(32)}
    for name, build in nets.items():
        for rate in (1e-3, 2e-4) if name == "width 16" else (1e-3,):
            for seed in (0, 1, 2):
                torch.manual_seed(seed)
                rows.append({"net": f"SN-DCGAN-32, {name}", "rate": rate, "seed": seed, **shadow(build(), rate, 60)})
    return rows


def shadow(net: nn.Module, rate: float, steps: int) -> dict[str, float]:
    """Train with torch's normalization; follow its weights with ours. The errors of both, and our iterations."""
    theirs, ours = Variant(copy.deepcopy(net), "torch"), Variant(copy.deepcopy(net), "ours")
    generator, data = generator_cnn(16), fashion()
    optimizers = [torch.optim.Adam(player.parameters(), rate, betas=(0.0, 0.9)) for player in (theirs.net, generator)]
    norm = SpectralNorm.of(ours.net)
    vectors = [nn.functional.normalize(torch.randn(raw[0].numel()), dim=0) for raw in theirs.raws]
    vectors = three_iterations([raw.detach() for raw in theirs.raws], vectors)[1]  # and twelve more: torch begins with fifteen
    for _ in range(4):
        vectors = three_iterations([raw.detach() for raw in theirs.raws], vectors)[1]
    errors: dict[str, list[list[float]]] = {"torch": [], "ours": []}
    with counted() as counts:
        for index in range(steps):
            gan_step(theirs, generator, data[16 * index : 16 * index + 16], optimizers)
            weights = [raw.detach().clone() for raw in theirs.raws]
            exact = [float(singular_values(weight).amax()) for weight in weights]
            ours.set(weights)
            norm.refresh()
            errors["ours"].append([1 - sigma / true for sigma, true in zip(norm.sigma.values(), exact, strict=True)])
            tried, vectors = three_iterations(weights, vectors)
            errors["torch"].append([1 - sigma / true for sigma, true in zip(tried, exact, strict=True)])
    found = {}
    for kind, values in errors.items():
        found[f"{kind}_worst_first_20"] = round(max(max(row) for row in values[:20]), 4)
        found[f"{kind}_mean_after_20"] = round(statistics.mean(value for row in values[20:] for value in row), 6)
    found["iterations"] = round(counts["maps"] / counts["refreshes"] / len(theirs.raws), 2)
    return found


def three_iterations(weights: list[Tensor], vectors: list[Tensor]) -> tuple[list[float], list[Tensor]]:
    """What torch's three iterations a GAN step know of sigma after the last of them, its best moment."""
    sigmas, after = [], []
    for weight, v in zip(weights, vectors, strict=True):
        flat = weight.flatten(1)
        for _ in range(3):
            u = nn.functional.normalize(flat @ v, dim=0)
            v = nn.functional.normalize(u @ flat, dim=0)
        sigmas.append(float(u @ flat @ v))
        after.append(v)
    return sigmas, after


def launches(device: torch.device, _: int) -> list[dict[str, object]]:
    if device.type != "cuda":
        sys.exit("launches: a CPU launches no kernels; use --device cuda")
    rows: list[dict[str, object]] = []
    for name, build in NETS.items():
        todo = variants(build().to(device))
        counts = {}
        for kind, one in todo.items():
            weights, gradients = [raw.detach().clone() for raw in one.raws], [torch.randn_like(raw) for raw in one.raws]
            one.work(weights, gradients)
            with torch.profiler.profile() as profile:
                one.work(weights, gradients)
            events = profile.events() or []
            counts[kind] = sum(event.device_type == torch.autograd.DeviceType.CUDA for event in events)
        theirs, ours = counts["torch"] - counts["none"], counts["ours"] - counts["none"]
        rows.append({"net": name, "torch": theirs, "ours": ours, "ratio": round(theirs / ours, 2)})
    return rows


PARTS = {"work": work, "step": step, "start": start, "compile": compiled, "launches": launches}

if __name__ == "__main__":
    main()
