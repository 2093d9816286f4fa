"""What the engine costs over a bare hand-written loop: same networks, batch, precision, loss and normalization.

    python benchmarks/overhead.py [--rounds 8] [--device cpu]

Both train side by side in one process on one thread, in turns of 100 steps; the engine's turn holds one full reading of all
probes at the default cadence, its line of history, TensorBoard, the judgement and the status line. Compared is processor
time (on a GPU the clock); the ratio is the median over the turns, with the quartiles. Scores, pictures and checkpoints are
paid by the piece, not here.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from protocol import write
from torch.nn.functional import relu
from turns import clock

from steadygan.assembly import Game, assemble, open_data
from steadygan.launch import start
from steadygan.recipes import fashion
from steadygan.spectral import SpectralNorm
from steadygan.training.precision import Choice

TURN = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    rounds, device = arguments.rounds, torch.device(arguments.device)
    settings = ["threads=1", "precision=bfloat16", f"device={device}", "evaluation.every=0"]
    settings += ["monitoring.samples_every=1000000", "checkpoints.every=1000000"]
    config = fashion().changed(settings).with_(steps=1_000_000)
    game = assemble(config, open_data(config), Choice("bfloat16", 1, "as asked"))
    bare, engine = bare_loop(game), start(config, Path(tempfile.mkdtemp()) / "run").play()
    turn(bare, device), turn_of_engine(engine, device)  # warm up
    pairs = [(turn(bare, device), turn_of_engine(engine, device)) for _ in range(rounds)]
    ratios = sorted(ours / theirs for theirs, ours in pairs)
    low, middle, high = statistics.quantiles(ratios, n=4)
    milliseconds = [1000 * statistics.median(column) / TURN for column in zip(*pairs, strict=True)]
    print(f"bare {milliseconds[0]:.1f} ms a step, engine {milliseconds[1]:.1f} ms")
    print(f"ratio {middle:.3f} (quartiles {low:.3f} to {high:.3f}, {rounds} turns of {TURN} steps)")
    row = {"ratio": middle, "low": low, "high": high, "bare_ms": milliseconds[0], "engine_ms": milliseconds[1], "turns": rounds}
    write("overhead", __doc__ or "", [row])


def bare_loop(game: Game):
    """What one would write by hand; yields after each step."""
    config, state, data, device = game.config, game.state, game.stream, game.state.device.type
    generator, discriminator = state.networks.generator, state.networks.discriminator
    norm = SpectralNorm.of(discriminator)
    of_discriminator, of_generator = state.optimizers
    average = state.average
    for step in range(10**9):
        real, label = data.batch(step)
        for group in (*of_discriminator.param_groups, *of_generator.param_groups):
            group["lr"] = state.schedules[0].at(step)
        with torch.autocast(device, dtype=torch.bfloat16):
            with torch.no_grad():
                fake_label = torch.randint(10, (len(real),), device=device)
                fake = generator(torch.randn(len(real), config.z_dim, device=device), fake_label).float()
            loss = (
                relu(1 - discriminator(real, label).float()).mean() + relu(1 + discriminator(fake, fake_label).float()).mean()
            )
        of_discriminator.zero_grad()
        loss.backward()
        of_discriminator.step()
        norm.refresh()
        discriminator.requires_grad_(False)
        with torch.autocast(device, dtype=torch.bfloat16):
            fake_label = torch.randint(10, (len(real),), device=device)
            fake = generator(torch.randn(len(real), config.z_dim, device=device), fake_label)
            loss = -discriminator(fake, fake_label).float().mean()
        of_generator.zero_grad()
        loss.backward()
        of_generator.step()
        discriminator.requires_grad_(True)
        average.update(step + 1)
        yield step


def turn(loop, device: torch.device) -> float:
    """Seconds of one turn of the bare loop."""
    before = clock(device)
    for _ in range(TURN):
        next(loop)
    return clock(device) - before


def turn_of_engine(events, device: torch.device) -> float:
    """Seconds of one turn of the engine, up to and with its reading."""
    before = clock(device)
    for event in events:
        if event.kind == "reading":
            return clock(device) - before
    raise RuntimeError("the run ended")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
