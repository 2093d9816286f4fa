"""Window: what the steps since the last reading left behind. Everything stays on its device until it is read."""

from numbers import Real

import torch
from torch import Tensor

from steadygan.errors import UsageError
from steadygan.measuring import Meter
from steadygan.monitoring.logits import separation

N_LOGITS = 256  # of each side, the newest: what accuracy, spread and separation are read from
N_IMAGES = 64  # of each side, the newest; as many as the probes of our own runs look at
N_VALUES = 4096  # of each example, evenly spaced: enough for distances, and little to keep
FEWEST_IMAGES = 16  # of fewer images the spread is mostly noise


class Window:
    """Collects what a step gives, with gradients switched off, and reads it once. Each step costs an operation a tensor.

    Args:
        device: where scalars are added up.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.meter = Meter()
        self.numbers: dict[str, list[float]] = {}
        self.logits: dict[str, list[Tensor]] = {"real": [], "fake": []}
        self.images: dict[str, list[Tensor]] = {"real": [], "fake": []}

    def add_logits(self, side: str, value: object) -> int:
        """Take in the logits of one batch; returns its size."""
        logits = per_sample(f"{side}_logits", value)
        self.logits[side].append(logits)
        return len(logits)

    def add_images(self, side: str, value: object, left: int) -> int:
        """Take in one batch of examples, `left` steps before the reading; returns its size. Only those that the reading will
        look at are copied, and the first ones of a window, for they may be the only ones; of large ones only some values."""
        images = examples(side, value)
        if not self.images[side] or left * len(images) < N_IMAGES:
            values = images[:N_IMAGES].flatten(1)
            self.images[side].append(values[:, :: stride(values.shape[1])].clone())
        return len(images)

    def add_scalar(self, name: str, value: object) -> None:
        """Take in one named number; one that is on the host already stays there."""
        if not isinstance(name, str) or name == "step":
            hint = "names are like 'loss/generator'; steps are counted by the calls, and `rewind` sets the count"
            raise UsageError(f"monitor.step: {name!r} names no scalar", hint)
        if isinstance(value, Real):
            self.numbers.setdefault(name, []).append(float(value))
        else:
            first = name not in self.meter.sums  # the sum is a tensor of our own, the first term is the caller's
            self.meter.add({name: scalar(name, value, self.device, copy=first)})

    def read_scalars(self) -> dict[str, float]:
        """The mean of each."""
        return self.meter.read() | {name: sum(values) / len(values) for name, values in self.numbers.items()}

    def read_logits(self, threshold: float) -> dict[str, float]:
        """Mean logits of all steps, and the separation of the newest ones, in one copy to the host."""
        real, fake = self.logits["real"], self.logits["fake"]
        if not real and not fake:
            return {}
        together = torch.cat([logits.to(self.device).flatten() for logits in (*real, *fake)]).cpu().double()
        n = sum(map(len, real))
        of_real, of_fake = together[:n], together[n:]
        means = {
            f"logit/{side}": logits.mean().item() for side, logits in (("real", of_real), ("fake", of_fake)) if len(logits)
        }
        if not real or not fake:
            return means
        return {**means, **separation(of_real[-N_LOGITS:], of_fake[-N_LOGITS:], threshold)}

    def read_images(self) -> tuple[Tensor, Tensor] | None:
        """The newest examples of both sides, at most `N_IMAGES` of each, as rows [N, D]; None where there are too few.

        Raises:
            UsageError: the two sides differ in shape.
        """
        if not self.images["real"] or not self.images["fake"]:
            return None
        real, fake = (torch.cat(self.images[side])[-N_IMAGES:] for side in ("real", "fake"))
        if real.shape[1] != fake.shape[1]:
            problem = "monitor.step: the examples of real and fake differ in size"
            raise UsageError(problem, "give both as the discriminator sees them")
        n = min(len(real), len(fake))
        return (real[-n:], fake[-n:]) if n >= FEWEST_IMAGES else None


def stride(n: int) -> int:
    """The step that leaves at most `N_VALUES` of n; odd, so that it does not run along the columns of an image.

    >>> stride(3 * 32 * 32), stride(3 * 64 * 64), stride(3 * 1024 * 1024)
    (1, 3, 769)
    """
    return -(-n // N_VALUES) | 1


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
    return logits.clone() if logits.numel() == len(logits) else logits.flatten(1).mean(1)


def examples(name: str, value: object) -> Tensor:
    """The same tensor [B, ...], checked."""
    if not isinstance(value, Tensor) or value.dim() < 2 or value.numel() == 0:
        hint = "give the batch that the discriminator sees"
        raise UsageError(f"monitor.step: {name} must be one tensor of examples [B, ...], got {kind(value)}", hint)
    return value


def scalar(name: str, value: object, device: torch.device, copy: bool) -> Tensor:
    """A tensor of one number on `device`, in float32 at least: -> scalar; the same tensor where there is nothing to do."""
    if not isinstance(value, Tensor) or value.numel() != 1 or value.is_complex():
        raise UsageError(f"monitor.step: scalars[{name!r}] must be one number, got {kind(value)}")
    wide = torch.float64 if value.dtype == torch.float64 else torch.float32
    return value.reshape(()).to(device, wide, non_blocking=device.type != "cpu", copy=copy)


def kind(value: object) -> str:
    """What somebody gave, in a few words."""
    return f"a tensor {list(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
