"""A normalized weight in a stranger's hands, who may write into it as initialization does."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Loan:
    """What was handed out, and how it was then.

    Attributes:
        value: the normalized weight.
        raw: the stored weight that it is of.
        version: how often it had been written to.
        numbers: a few of its entries, which show a write through `.data`; None where comparing would wait for the device.
    """

    value: Tensor
    raw: Tensor
    version: int
    numbers: Tensor | None

    @staticmethod
    def of(value: Tensor, raw: Tensor, look: bool) -> "Loan":
        """A loan that starts now; `look` has its numbers compared when it ends."""
        return Loan(value, raw, value._version, few(value) if look else None)

    def touched(self, raw: Tensor) -> bool:
        """Somebody wrote into it, and the weight that is stored now is still the one that it is of."""
        if raw is not self.raw:
            return False
        return self.value._version != self.version or (self.numbers is not None and not same(few(self.value), self.numbers))


@torch.no_grad()
def few(tensor: Tensor) -> Tensor:
    """Eight numbers from all over a tensor, copied: [8] or fewer."""
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, len(flat) // 8)].clone()


def same(one: Tensor, other: Tensor) -> bool:
    """The same numbers; not-a-number is the same as itself."""
    return torch.equal(one, other) or bool(((one == other) | (one.isnan() & other.isnan())).all())
