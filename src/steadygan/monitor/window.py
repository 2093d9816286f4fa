"""Window: what the steps since the last reading left behind. Everything stays on its device until it is read."""

from numbers import Real

import torch
from torch import Tensor

from steadygan.errors import UsageError
from steadygan.monitor.examples import Newest, checked, kind, small, thinned
from steadygan.monitor.gap import Batches, gap_of
from steadygan.monitoring.cells import Cells
from steadygan.monitoring.logits import separation

N_LOGITS = 256  # of each side, the newest: what accuracy, spread and separation are read from
N_DIVERSITY = 64  # examples of each side; as many as the probes of our own runs look at
N_CELLS = Cells().n  # the same of histograms over the cells of the data
FEWEST = 16  # of fewer examples the spread is mostly noise


class Window:
    """Collects what a step gives, with gradients switched off, and reads it once. Each step costs an operation a tensor.

    Args:
        device: where scalars are added up.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.sums: dict[str, Tensor] = {}  # of scalars, and how many there were
        self.counts: dict[str, int] = {}
        self.numbers: dict[str, list[float]] = {}
        self.logits: dict[str, dict[int, Tensor]] = {"real": {}, "fake": {}, "held_out": {}}  # by the steps left
        self.images = {side: Newest(N_DIVERSITY, thinned) for side in ("real", "fake", "paired", "averaged")}
        self.pooled = {side: Newest(N_CELLS, small) for side in ("real", "fake")}

    def add_logits(self, side: str, value: object, left: int) -> int:
        """Take in the logits of one batch, `left` steps before the reading; returns its size."""
        logits = per_sample(f"{side}_logits", value)
        self.logits[side][left] = logits
        return logits.shape[0]

    def add_images(self, side: str, value: object, left: int) -> int:
        """Take in one batch of examples, `left` steps before the reading; returns its size."""
        images = checked(side, value)
        if left * images.shape[0] < max(N_CELLS, N_DIVERSITY) or not self.pooled[side].batches:
            self.images[side].add(images, left)
            self.pooled[side].add(images, left)
        return images.shape[0]

    def add_pairs(self, fake: object, averaged: object, left: int) -> None:
        """Take in what the generator and its average made of the same latents, `left` steps before the reading."""
        hint = "give what both generators make of the same z"
        if fake is None:
            raise UsageError("monitor.step: averaged is given without fake", hint)
        live, average = checked("fake", fake), checked("averaged", averaged)
        if live.shape != average.shape:
            raise UsageError(f"monitor.step: fake is {list(live.shape)} and averaged is {list(average.shape)}", hint)
        self.images["paired"].add(live, left)
        self.images["averaged"].add(average, left)

    def add_scalar(self, name: str, value: object) -> None:
        """Take in one named number; one that is on the host already stays there."""
        if not isinstance(name, str) or name == "step":
            hint = "names are like 'loss/generator'; steps are counted by the calls, and `rewind` sets the count"
            raise UsageError(f"monitor.step: {name!r} names no scalar", hint)
        if isinstance(value, Tensor):
            number = scalar(name, value, self.device)
            if name in self.sums:
                self.sums[name].add_(number)
            else:
                self.sums[name] = number.to(torch.float64 if number.dtype == torch.float64 else torch.float32, copy=True)
            self.counts[name] = self.counts.get(name, 0) + 1
        elif isinstance(value, Real):
            self.numbers.setdefault(name, []).append(float(value))
        else:
            raise UsageError(f"monitor.step: scalars[{name!r}] must be one number, got {kind(value)}")

    def read_scalars(self) -> dict[str, float]:
        """The mean of each, in one copy to the host."""
        sums = dict(zip(self.sums, torch.stack(list(self.sums.values())).tolist(), strict=True)) if self.sums else {}
        of_numbers = {name: sum(values) / len(values) for name, values in self.numbers.items()}
        return {name: total / self.counts[name] for name, total in sums.items()} | of_numbers

    def read_logits(self, threshold: float) -> dict[str, float]:
        """Mean logits of all steps, the swings of their gap, the separation of the newest ones; in one copy to the host."""
        given = {side: batches for side, batches in self.logits.items() if batches}
        if not given:
            return {}
        flat = [logits.to(self.device).flatten() for batches in given.values() for logits in batches.values()]
        sizes = {side: [logits.shape[0] for logits in batches.values()] for side, batches in given.items()}
        together = torch.cat(flat).cpu().double()
        logits = dict(zip(given, torch.split(together, [sum(each) for each in sizes.values()]), strict=True))
        readings = {f"logit/{side}": values.mean().item() for side, values in logits.items()}
        if "real" not in given or "fake" not in given:
            return readings
        real, fake = (Batches(list(given[side]), sizes[side], logits[side].numpy()) for side in ("real", "fake"))
        separated = separation(logits["real"][-N_LOGITS:], logits["fake"][-N_LOGITS:], threshold)
        return {**readings, **gap_of(real, fake), **separated}

    def read_images(self) -> tuple[Tensor, Tensor] | None:
        """As many of the newest examples of both sides, as rows [N, D]; None where there are too few.

        Raises:
            UsageError: the two sides differ in shape.
        """
        real, fake = self.images["real"].read(), self.images["fake"].read()
        if real is None or fake is None:
            return None
        if real.shape[1] != fake.shape[1]:
            problem = "monitor.step: the examples of real and fake differ in size"
            raise UsageError(problem, "give both as the discriminator sees them")
        n = min(len(real), len(fake))
        return (real[-n:], fake[-n:]) if n >= FEWEST else None


def per_sample(name: str, value: object) -> Tensor:
    """Logits as one number a sample, copied: maps [B, 1, h, w] or any [B, ...] -> [B], by the mean; [B, 1] stays.

    >>> per_sample("real_logits", torch.ones(4, 1, 3, 3))
    tensor([1., 1., 1., 1.])
    """
    if not isinstance(value, Tensor) or value.is_complex():
        hint = "join several outputs along the batch: torch.cat([a.flatten(), b.flatten()])"
        raise UsageError(f"monitor.step: {name} must be one tensor of logits [B, ...], got {kind(value)}", hint)
    if value.dim() == 0 or value.numel() == 0:
        hint = "give what the discriminator returned, before any mean"
        raise UsageError(f"monitor.step: {name} must be [B, ...] with at least one sample, got {list(value.shape)}", hint)
    logits = value if value.dtype in (torch.float32, torch.float64) else value.float()
    return logits.clone() if logits.numel() == logits.shape[0] else logits.flatten(1).mean(1)


def scalar(name: str, value: Tensor, device: torch.device) -> Tensor:
    """A tensor of one number on `device`: -> scalar; the same tensor where there is nothing to do."""
    if value.numel() != 1 or value.is_complex():
        raise UsageError(f"monitor.step: scalars[{name!r}] must be one number, got {kind(value)}")
    number = value if value.dim() == 0 else value.reshape(())
    return number if number.device == device else number.to(device, non_blocking=device.type != "cpu")
