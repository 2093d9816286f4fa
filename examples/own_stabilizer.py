"""Your own stabilizer in a whole run: one class, taken by the config like any other.

    python examples/own_stabilizer.py --steps 300 --out runs/max-norm

The same class works on the command line, from this very file:

    steadygan train --set "stabilizers=[examples/own_stabilizer.py:MaxNorm]"
"""

import argparse
from pathlib import Path
from typing import Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn

import steadygan
from steadygan.config import Evaluation, Monitoring
from steadygan.history import History
from steadygan.spectral import weights
from steadygan.stabilizers import Stabilizer


class MaxNorm(Stabilizer):
    """No row of a discriminator weight is longer than `bound`. Srivastava et al. 2014, Journal of ML Research 15, section 5.1.

    A row is all that one output channel or unit is computed from.
    """

    name: Literal["max_norm"] = "max_norm"
    bound: PositiveFloat = 1.0

    @torch.no_grad()
    def project(self, discriminator: nn.Module, step: int) -> None:
        """Shorten the rows that are too long, after each update."""
        for each in weights(discriminator):
            weight = each.layer.get_parameter(each.parameter)
            weight.mul_((self.bound / row_lengths(weight)).clamp(max=1).view(-1, *[1] * (weight.ndim - 1)))


def row_lengths(weight: Tensor) -> Tensor:
    """Euclidean length of each row: [M, ...] -> [M]."""
    lengths: Tensor = weight.flatten(1).norm(dim=1)
    return lengths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--n", type=int, default=500, help="samples that are scored at the end")
    parser.add_argument("--out", type=Path, default=Path("runs/max-norm"))
    options = parser.parse_args()

    every = max(options.steps // 6, 1)
    config = steadygan.recipes.fashion().with_(
        steps=options.steps,
        stabilizers=[f"{__file__}:MaxNorm"],  # by its file, so that the run keeps a copy and can be resumed
        monitoring=Monitoring(every=every),
        evaluation=Evaluation(every=0, n=options.n),
    )
    outcome = steadygan.train(config, options.out)

    history = History.read(options.out / "history.jsonl")
    names = history.names("sigma/D.")
    for record in history:
        largest = max(record[name] for name in names)
        diversity = record["diversity/pairwise_ratio"]
        print(f"step {record['step']:.0f}  largest singular value of D {largest:.2f}  diversity {diversity:.2f}")
    print(f"{outcome.verdict} after {outcome.step} steps; report in {outcome.path}/report.html")


if __name__ == "__main__":
    main()
