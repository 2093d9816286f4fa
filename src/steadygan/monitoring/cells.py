"""Cells: whether the fakes reach the whole of the data, in the shares that the data has."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from steadygan.game import Batch, Networks
from steadygan.monitoring.base import Probe
from steadygan.monitoring.partition import SEED, Partition, coverage, divergence, variation
from steadygan.monitoring.quiet import Quiet
from steadygan.monitoring.reach import K, floor, reach


class Cells(Probe):
    """Histograms of fakes and of reals over cells of the data, and the reach of the fakes by nearest neighbours.

    The cells are those of k-means on the reference at the first reading (after Richardson & Weiss 2018, arXiv:1805.12462), in
    pixels averaged to at most 256 values, or in coordinates over their standard deviation. The fakes come from the same
    latents and classes at every reading: an unchanging generator has an unchanging histogram.

    `cells/js` is the Jensen-Shannon divergence from fakes to the reference, 0 to log 2 = 0.69 (nats), `cells/js_live` that of
    the reals that training saw last. `coverage/cells` is the share of the cells that hold more than a tenth of their fair share
    of the fakes. `cells/churn` is the share of the histogram that moved since the last reading (total variation).
    `coverage/recall` and `coverage/coverage` are the shares of reals in reach of fakes, and with a fake in reach.

    A `_floor` beside them is what as many real examples give: for divergences and churn what 95 of 100 draws stay below, for
    `coverage/cells` what they stay above, for recall and coverage the mean. The floor of churn is that of two independent
    draws: a generator whose samples trade places without loss stays below it, and one that hops between modes does not.

    Attributes:
        n: fakes; made from as many latents as the batch has at a time, the batch's own first. All numbers shift with n.
        k: cells; no more than an eighth of the reference.
    """

    name: Literal["cells"] = "cells"
    n: PositiveInt = 128
    k: Annotated[int, Field(ge=2)] = 25

    @torch.no_grad()
    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """The readings that can be made; none without a reference, and of fakes or reals that are not finite none either."""
        if batch.reference is None:
            return {}
        return self.of(None if batch.z is None else self.fakes(Quiet(networks.generator), batch, batch.z), batch)

    def of(self, fakes: Tensor | None, batch: Batch) -> dict[str, float]:
        """The same of fakes [n, ...] that are there already; of `batch` it reads the reference, `live` and the memory."""
        cells = self.cells(batch)
        if cells is None or batch.reference is None:
            return {}
        memory = batch.memory[self.name]
        readings = self.of_live(cells, batch.live, memory)
        features = None if fakes is None else cells.features(fakes)
        if features is None or not torch.isfinite(features).all():
            memory.pop("last", None)
            return readings
        found = histogram_readings(cells, features, memory)
        return {**readings, **found, **self.reach(cells, features, batch.reference, memory)}

    def cells(self, batch: Batch) -> Partition | None:
        """The cells of the first reading, made where there are none of these settings; None where there can be none."""
        settings = self.spec()
        if batch.memory.get(self.name, {}).get("settings") == settings:
            return Partition.of(batch.memory[self.name])
        cells = None if batch.reference is None else Partition.around(batch.reference, self.k)
        if cells is not None:
            batch.memory[self.name] = {"settings": settings, **cells.notes()}
        return cells

    def fakes(self, generator: nn.Module, batch: Batch, z: Tensor) -> Tensor:
        """The batch's own fakes, and as many batches more as it takes: -> [n, ...] float32."""
        random, size = torch.Generator().manual_seed(SEED), len(z)
        missing = -(-self.n // size) - 1  # whole batches: batch normalization in the generator sees them
        more = torch.split(torch.randn(missing * size, *z.shape[1:], generator=random).to(z), size)
        labels: Sequence[Tensor | None] = [None] * missing
        pool = batch.label if batch.reference_label is None else batch.reference_label
        if pool is not None:
            order = torch.randperm(len(pool), generator=random).to(pool.device)
            labels = torch.split(pool[order].repeat(-(-missing * size // len(pool))), size)
        pairs = zip(more, labels, strict=False)
        return torch.cat([batch.fake, *(cast(Tensor, generator(*pair)).float() for pair in pairs)])[: self.n]

    def reach(self, cells: Partition, fakes: Tensor, reference: Tensor, memory: dict[str, Any]) -> dict[str, float]:
        """`coverage/recall`, `coverage/coverage` and their floors, of as many fakes as reals, at most half of the reference."""
        n = min(self.n, len(reference) // 2)
        if n <= K:
            return {}
        order = torch.randperm(len(reference), generator=torch.Generator().manual_seed(SEED))
        blocks = order[: len(order) // n * n].view(-1, n).to(reference.device)
        if "reach" not in memory:
            memory["reach"] = floor(torch.stack([cells.features(reference[block]) for block in blocks]))
        floors = {f"coverage/{name}_floor": value for name, value in memory["reach"].items()}
        found = reach(cells.features(reference[blocks[0]]), fakes[:n])
        return {**{f"coverage/{name}": value for name, value in found.items()}, **floors}

    def of_live(self, cells: Partition, live: Tensor | None, memory: dict[str, Any]) -> dict[str, float]:
        """`cells/js_live` and its floor, where training has seen finite reals."""
        features = None if live is None or not len(live) else cells.features(live)
        if features is None or not torch.isfinite(features).all():
            return {}
        divergent = divergence(cells.shares(features), cells.reference).item()
        return {"cells/js_live": divergent, "cells/js_live_floor": floors_at(cells, len(features), memory)["js"]}


def histogram_readings(cells: Partition, fakes: Tensor, memory: dict[str, Any]) -> dict[str, float]:
    """All that the histogram of the fakes says; it takes the place of the last one in the memory."""
    shares, last = cells.shares(fakes), memory.get("last")
    memory["last"] = shares.tolist()
    floors = floors_at(cells, len(fakes), memory)
    readings = {
        "cells/js": divergence(shares, cells.reference).item(),
        "cells/js_floor": floors["js"],
        "coverage/cells": coverage(shares, cells.reference).item(),
        "coverage/cells_floor": floors["coverage"],
    }
    if last is None:
        return readings
    churn = variation(shares, torch.tensor(last, dtype=torch.float64)).item()
    return {**readings, "cells/churn": churn, "cells/churn_floor": floors["churn"]}


def floors_at(cells: Partition, n: int, memory: dict[str, Any]) -> dict[str, float]:
    """The floors at n examples, drawn once."""
    known: dict[str, dict[str, float]] = memory.setdefault("floors", {})
    if str(n) not in known:
        known[str(n)] = cells.floors(n)
    return known[str(n)]
