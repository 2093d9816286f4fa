"""Probe: measures something of the game as it stands, as named numbers. A probe never judges."""

from typing import ClassVar

from steadygan.game import Batch, Networks
from steadygan.parts import Part


class Probe(Part):
    """Reads the networks on a monitoring batch; leaves no trace in weights, gradients, buffers or random state.

    Names are `quantity/place`: `logit/held_out`, `sigma/D.block1.conv1`, `grad_norm/generator`. It is called in the precision
    of training, unless it says that it wants all digits.
    """

    full_precision: ClassVar[bool] = False

    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """The readings by name. `batch.heldout` may be None; a reading that is not possible is left out."""
        raise NotImplementedError
