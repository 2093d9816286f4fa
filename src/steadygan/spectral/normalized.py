"""A normalized weight: what is stored, what is read, and the memory that makes a second read free.

What is read is a pure function of the stored weight, u, v and the coefficient. Reading changes nothing that counts; after a
refresh the result is kept until the stored weight changes, so that all reads of a training step share one division and one node
of the autograd graph. Compiled code, exported code and torch.func read the pure function instead of the memory.
"""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.nn import Parameter

from steadygan.spectral.division import Known
from steadygan.spectral.matrix import Weight
from steadygan.spectral.modes import Mode, to_coefficient
from steadygan.spectral.reading import Kernel, Reading
from steadygan.spectral.subspace import Leading, bilinear

if TYPE_CHECKING:
    from steadygan.spectral.group import Group


CHANNELS_LAST = {True: torch.channels_last, False: torch.contiguous_format}


class NormalizedWeight:
    """One normalized weight of a layer. The layer holds the tensors: the parameter itself and the buffers `<parameter>_u`,
    `<parameter>_v` [3, N] with the singular vector in row 0, and `<parameter>_coefficient`.

    Attributes:
        weight: which weight of which layer.
        mode, readings: how its norm is taken and what is done with it.
        plain: the norm is that of one matrix of the stored layout.
        quick: the gradient has its short form: a plain weight divided by its norm.
        group: the weights that are refreshed together.
        value: the normalized weight, kept for the next read, or None.
        known: what was found in the last refresh.
        residual: of the last refresh, [G].
        stored: what was found in the last refresh is in the buffers.
        lost: u and v know nothing of the stored weight, so that a few iterations will not do.
    """

    def __init__(self, weight: Weight, mode: Mode, readings: Sequence[Reading], group: "Group") -> None:
        self.weight, self.mode, self.readings, self.group = weight, mode, tuple(readings), group
        self._names = [[f"{weight.parameter}_{kind}{reading.suffix}" for reading in self.readings] for kind in "uv"]
        self._coefficient = f"{weight.parameter}_coefficient"
        kernel = len(self.readings) == 1 and isinstance(self.readings[0], Kernel)
        divided = mode.factor is to_coefficient and not mode.learnable
        stored = weight.blocks == 1 and not weight.transposed and self.raw.dtype == wide(self.raw).dtype
        self.plain = kernel and stored
        self.quick = self.plain and divided
        self.value: Tensor | None = None
        self.known: Known | None = None
        self.residual: Tensor | None = None
        self.stored, self.lost = True, True
        self._seen: tuple[Tensor | None, int] = (None, -1)
        self._home: Tensor | None = None
        self._pending: bool | None = False  # what to say to `trust` once the layer is there: a copy is made before its layer
        self._samples: tuple[Tensor, Tensor] | None = None
        self._maps: tuple[Tensor | None, int, list[Any]] = (None, 0, [])
        group.weights.append(self)

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

    def canonical(self, vs: Sequence[Tensor]) -> list[Tensor]:
        """Right vectors in the order of `of` again."""
        pairs = zip(self.readings, vs, strict=True)
        return [reading.out(self.weight, v.unsqueeze(0), self.raw).squeeze(0) for reading, v in pairs]

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

    def norm(self, sigmas: Sequence[Tensor]) -> Tensor:
        """The norm of the weight from those of its blocks in each reading: scalar, or [3] where the blocks are apart."""
        if self.weight.apart or self.plain:
            return sigmas[0].squeeze(0) if self.plain else sigmas[0]
        largest = [sigma.amax() if len(sigma) > 1 else sigma.squeeze(0) for sigma in sigmas]
        return largest[0] if len(largest) == 1 else torch.stack(largest).mean()

    def factor(self, sigma: Tensor) -> Tensor:
        """What the weight is multiplied by."""
        return torch.ones_like(sigma) if self.mode.factor is None else self.mode.factor(sigma, self.coefficient)

    def scaled(self, raw: Tensor, factor: Tensor, gain: Tensor | None) -> Tensor:
        """The weight times its factor and gain, in its own type."""
        by = factor if gain is None else factor * gain
        if self.weight.apart:
            shape = (self.weight.blocks, -1, *[1] * (raw.dim() - 1))
            by = by.reshape(shape).expand(-1, len(raw) // self.weight.blocks, *[-1] * (raw.dim() - 1)).flatten(0, 1)
        return (wide(raw) * by).to(raw.dtype)

    def formula(self, raw: Tensor, us: Sequence[Tensor], vs: Sequence[Tensor], gain: Tensor | None) -> Tensor:
        """The normalized weight as a differentiable function of the stored one, u and v constant."""
        with full_precision(raw):
            maps = [reading.of(self.weight, wide(raw)) for reading in self.readings]
            sigmas = [bilinear(one, u, v) for one, u, v in zip(maps, us, vs, strict=True)]
            return self.scaled(raw, self.factor(self.norm(sigmas)), gain)

    def read(self) -> Tensor:
        """The normalized weight."""
        raw = self.raw
        if self.mode.factor is None:
            return raw
        if not torch.compiler.is_compiling() and (value := self.remembered(raw)) is not None:
            return value
        # copies, because distributed training writes into buffers between two forward passes
        return self.formula(raw, [u.clone() for u in self.us()], [basis[0].clone() for basis in self.bases()], self.gain)

    def remembered(self, raw: Parameter) -> Tensor | None:
        """The value in memory, made anew where only the memory is missing; None where u and v belong to another weight."""
        if not self.in_step(raw):
            return None
        if self.value is None or (raw.requires_grad and torch.is_grad_enabled() and not self.value.requires_grad):
            self.group.divide([self])
        value = cast(Tensor, self.value)
        return value if raw.requires_grad or not value.requires_grad else value.detach()

    def in_step(self, raw: Tensor) -> bool:
        """u and v were last refreshed on this very weight."""
        self._arrive()
        of, version = self._seen
        if raw is not of or raw._version != version:
            return False
        gain = self.gain
        if self.value is not None and gain is not None and self.known is not None and gain._version != self.known.gain_version:
            self.value = None
        return True

    def keep(self, leading: Sequence[Leading], stored: bool) -> None:
        """Take in what a refresh found; the buffers have it too if `stored`."""
        self._arrive()
        raw = self.raw
        stored = stored and self.us()[0] is self._home  # torch.func may have put copies in the place of the buffers
        self._seen, self.stored, self.lost = (raw, raw._version), stored, self.lost and not stored
        self.residual = leading[0].residual
        self.know([one.u for one in leading], [one.v for one in leading], self.norm([one.sigma for one in leading]))

    def know(self, us: list[Tensor], vs: list[Tensor], sigma: Tensor) -> None:
        """Set what the next division uses, but for the factor."""
        self.known, self.value, self._samples = Known(self, us, vs, sigma, sigma), None, None

    def remember(self, value: Tensor) -> None:
        """Keep a normalized weight for the next read."""
        assert self.known is not None
        self.value, self.known.value_version = value, value._version

    @torch.no_grad()
    def know_buffers(self) -> Known:
        """The same from the buffers as they are, to the last bit what the refresh that wrote them found."""
        us, vs = [u.clone() for u in self.us()], [basis[0].clone() for basis in self.starts()]
        self.know(us, vs, self.norm([bilinear(one, u, v) for one, u, v in zip(self.maps(), us, vs, strict=True)]))
        return cast(Known, self.known)

    def _arrive(self) -> None:
        if self._pending is not None:
            self.trust(self._pending)

    def trust(self, yes: bool) -> None:
        """Say whether the buffers belong to the stored weight as it is now; forget the value in memory."""
        self._pending = None
        raw, self._home = self.raw, self.us()[0]
        self._seen = (raw, raw._version) if yes else (None, -1)
        self.value = self.known = self._samples = None

    @property
    def written(self) -> bool:
        """Somebody wrote into the normalized weight, as initialization in place does."""
        return self.value is not None and self.known is not None and self.value._version != self.known.value_version

    @torch.no_grad()
    def adopt(self) -> None:
        """Take over what was written into the normalized weight as the weight itself."""
        self.raw.copy_(cast(Tensor, self.value))
        self.trust(False)
        self.lost = True

    @torch.no_grad()
    def sample(self) -> None:
        """Remember a few numbers of the stored and of the normalized weight."""
        if self.value is not None and self._samples is None:
            self._samples = (few(self.raw), few(self.value))

    @torch.no_grad()
    def changed_unseen(self) -> str:
        """Which was written to through `.data`, which leaves no trace in a tensor's version: `raw`, `value` or nothing."""
        if self.value is None or self._samples is None or not self.in_step(self.raw):
            return ""
        if not torch.equal(few(self.raw), self._samples[0]):
            return "raw"
        return "" if torch.equal(few(self.value), self._samples[1]) else "value"

    def __getstate__(self) -> dict[str, Any]:
        blank: dict[str, Any] = {
            "value": None,
            "known": None,
            "_samples": None,
            "_home": None,
            "_maps": (None, 0, []),
            "_seen": (None, -1),
        }
        return {**self.__dict__, **blank, "_pending": self.in_step(self.raw)}

    def __deepcopy__(self, memo: dict[int, Any]) -> "NormalizedWeight":
        """A copy for the copied layer, in the copied group."""
        twin = object.__new__(NormalizedWeight)
        twin.__dict__.update(self.__getstate__())
        memo[id(self)] = twin
        layer = copy.deepcopy(self.weight.layer, memo)
        twin.weight = Weight(**{**self.weight.__dict__, "layer": layer})
        twin.group = copy.deepcopy(self.group, memo)
        twin.group.weights.append(twin)
        return twin


def wide(raw: Tensor) -> Tensor:
    """A weight in at least float32: a norm in bfloat16 has two digits."""
    return raw if raw.dtype in (torch.float32, torch.float64) else raw.float()


def few(tensor: Tensor) -> Tensor:
    """Eight numbers from all over a tensor, copied: [8] or fewer."""
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, len(flat) // 8)].clone()


def full_precision(tensor: Tensor) -> AbstractContextManager[Any]:
    """Autocast switched off, where it is on."""
    device = tensor.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()
