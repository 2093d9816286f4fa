"""A weight as its layer holds it: the parameter, and the buffers that normalization put beside it."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import Parameter

from steadygan.spectral.law import Law, wide
from steadygan.spectral.matrix import Weight
from steadygan.spectral.modes import Mode, to_coefficient
from steadygan.spectral.native import Seat, serves
from steadygan.spectral.reading import Kernel, Reading
from steadygan.spectral.vectors import is_straight, straightened

CHANNELS_LAST = {True: torch.channels_last, False: torch.contiguous_format}


class HeldWeight:
    """One weight to be normalized. The layer holds the tensors: the parameter itself and the buffers `<parameter>_u`,
    `<parameter>_v` [3, N] with the singular vector in row 0, and `<parameter>_coefficient`.

    Attributes:
        weight: which weight of which layer.
        mode, readings: how its norm is taken and what is done with it.
        law: the three together.
        plain: the norm is that of one matrix of the stored layout.
        quick: the gradient has its short form: a plain weight divided by its norm.
    """

    def __init__(self, weight: Weight, mode: Mode, readings: Sequence[Reading]) -> None:
        self.weight, self.mode, self.readings = weight, mode, tuple(readings)
        self.law = Law(weight, mode, self.readings)
        self._names = [[f"{weight.parameter}_{kind}{reading.suffix}" for reading in self.readings] for kind in "uv"]
        self._coefficient = f"{weight.parameter}_coefficient"
        self._maps: tuple[Tensor | None, int, list[Any]] = (None, 0, [])
        self._marked = (0, -1)  # the basis as the last refresh left it
        self._classify()

    def _classify(self) -> None:
        kernel = len(self.readings) == 1 and isinstance(self.readings[0], Kernel)
        stored = self.weight.blocks == 1 and not self.weight.transposed and self.raw.dtype == wide(self.raw).dtype
        self.plain = kernel and stored
        self.quick = self.plain and self.mode.factor is to_coefficient and not self.mode.learnable

    @property
    def name(self) -> str:
        """The weight's name in the network."""
        return self.weight.name

    @property
    def raw(self) -> Parameter:
        """The weight as the optimizer sees it."""
        return cast(Parameter, self.weight.layer._parameters[self.weight.parameter])

    @property
    def gain(self) -> Parameter | None:
        """The learnt factor, where the mode has one."""
        return self.weight.layer._parameters[f"{self.weight.parameter}_gain"] if self.mode.learnable else None

    @property
    def coefficient(self) -> Tensor:
        """What the norm is brought to: scalar, or [3] where the blocks are apart."""
        return cast(Tensor, self.weight.layer._buffers[self._coefficient])

    def buffer(self, name: str) -> Tensor:
        """A buffer of this weight on its layer."""
        return cast(Tensor, self.weight.layer._buffers[f"{self.weight.parameter}_{name}"])

    def starts(self) -> list[Tensor]:
        """The right vectors as the maps take them."""
        return [reading.into(self.weight, basis, self.raw) for reading, basis in zip(self.readings, self.bases(), strict=True)]

    def sound_starts(self) -> list[Tensor]:
        """The same; orthonormal again, where somebody else has written into the buffers, as an average of networks does."""
        bases = self.bases()
        if self._marked != (id(bases[0]), bases[0]._version) and self.raw.device.type == "cpu":
            blocks = self.weight.blocks
            bases = [one if is_straight(one, blocks) else straightened(one, blocks, self.name) for one in bases]
        return [reading.into(self.weight, basis, self.raw) for reading, basis in zip(self.readings, bases, strict=True)]

    def goes_short(self) -> bool:
        """The kernels take this plain weight: its matrix is as the weight lies in memory."""
        raw = self.raw
        dense = raw.is_contiguous() or raw.is_contiguous(memory_format=CHANNELS_LAST[raw.dim() == 4])
        return dense and serves(self.maps()[0].matrices)

    def seat(self, store: bool, divide: bool) -> Seat:
        """What a plain weight brings to the kernels; with `store` the buffers too, if their order is that of memory."""
        raw, buffers = self.raw, self.weight.layer._buffers
        u, basis = cast(Tensor, buffers[self._names[0][0]]), cast(Tensor, buffers[self._names[1][0]])
        as_left = self._marked == (id(basis), basis._version) and raw.is_contiguous() and basis.is_contiguous()
        start = basis if as_left else self.sound_starts()[0].contiguous()
        home = (u, basis) if store and start is basis and u.is_contiguous() else None
        value = torch.empty_like(raw) if divide and self.quick else None
        return Seat(start, home, value, cast(Tensor, buffers[self._coefficient]))

    def us(self) -> list[Tensor]:
        """The left vectors of each reading, [G * M]."""
        return [cast(Tensor, self.weight.layer._buffers[name]) for name in self._names[0]]

    def bases(self) -> list[Tensor]:
        """The right vectors of each reading with the directions to look next, [3, G * N]."""
        return [cast(Tensor, self.weight.layer._buffers[name]) for name in self._names[1]]

    def maps(self) -> list[Any]:
        """The stored weight as linear maps, one for each reading; views of it where its layout allows."""
        raw, (of, place, maps) = self.raw, self._maps
        if raw is not of or raw.data_ptr() != place or not maps:
            maps = [reading.stored(self.weight, wide(raw.detach())) for reading in self.readings]
            dense = raw.is_contiguous() or raw.is_contiguous(memory_format=CHANNELS_LAST[raw.dim() == 4])
            views = dense and not self.weight.transposed and wide(raw) is raw
            self._maps = (raw, raw.data_ptr(), maps if views and all(reading.is_view for reading in self.readings) else [])
        return maps
