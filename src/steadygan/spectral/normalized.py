"""A normalized weight: what is stored, what is read, and the memory that makes a second read free.

What is read is a pure function of the stored weight, u, v and the coefficient. Reading changes nothing that counts; after a
refresh the result is kept until the stored weight changes, so that all reads of a training step share one division and one node
of the autograd graph. Compiled code, exported code and torch.func read the pure function instead of the memory.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.nn import Parameter

from steadygan.errors import NetworkError
from steadygan.spectral.division import Known
from steadygan.spectral.law import Law, full_precision, is_recorded, wide
from steadygan.spectral.loan import Loan, few, same
from steadygan.spectral.matrix import Weight
from steadygan.spectral.modes import Mode, to_coefficient
from steadygan.spectral.reading import Kernel, Reading
from steadygan.spectral.subspace import Leading, bilinear
from steadygan.spectral.vectors import is_straight, straightened

if TYPE_CHECKING:
    from steadygan.spectral.group import Group


FIRST = 8  # forward passes in which unseen writes are looked for
CHANNELS_LAST = {True: torch.channels_last, False: torch.contiguous_format}


class NormalizedWeight:
    """One normalized weight of a layer. The layer holds the tensors: the parameter itself and the buffers `<parameter>_u`,
    `<parameter>_v` [3, N] with the singular vector in row 0, and `<parameter>_coefficient`.

    Attributes:
        weight: which weight of which layer.
        mode, readings: how its norm is taken and what is done with it.
        law: the three together.
        plain: the norm is that of one matrix of the stored layout.
        quick: the gradient has its short form: a plain weight divided by its norm.
        group: the weights that are refreshed together.
        value: the normalized weight, kept for the next read, or None.
        known: what was found in the last refresh.
        residual: of the last refresh, [G].
        stored: what was found in the last refresh is in the buffers.
        lost: u and v know nothing of the stored weight, so that a few iterations will not do.
        holders: how many layers read it; more than one where they share the parameter.
        loan: what was last read by somebody else than the layer, until the layer's next pass.
    """

    def __init__(self, weight: Weight, mode: Mode, readings: Sequence[Reading], group: "Group") -> None:
        self.weight, self.mode, self.readings, self.group = weight, mode, tuple(readings), group
        self.law = Law(weight, mode, self.readings)
        self._alone = self.law.alone()
        self._names = [[f"{weight.parameter}_{kind}{reading.suffix}" for reading in self.readings] for kind in "uv"]
        self._coefficient = f"{weight.parameter}_coefficient"
        self._classify()
        self.value: Tensor | None = None
        self.known: Known | None = None
        self.residual: Tensor | None = None
        self.stored, self.lost, self.holders = True, True, 0
        self._seen: tuple[Tensor | None, int] = (None, -1)
        self._home: Tensor | None = None
        self._pending: bool | None = False  # what to say to `trust` once the layer is there: a copy is made before its layer
        self._samples: tuple[Tensor, Tensor] | None = None
        self._maps: tuple[Tensor | None, int, list[Any]] = (None, 0, [])
        self._marked = (0, -1)  # the basis as the last refresh left it
        self.loan: Loan | None = None
        group.weights.append(self)

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

    def formula(self, raw: Tensor, us: Sequence[Tensor], vs: Sequence[Tensor], gain: Tensor | None) -> Tensor:
        """The normalized weight as a differentiable function of the stored one, u and v constant."""
        return self.law.formula(raw, us, vs, gain, self.coefficient)

    def read(self) -> Tensor:
        """The normalized weight."""
        raw = self.raw
        if self.mode.factor is None:
            return raw
        if not is_recorded():
            if (value := self.remembered(raw)) is not None:
                return value
            if hasattr(raw, "device_mesh"):
                hint = "leave the normalized network out of fully_shard; DistributedDataParallel does"
                raise NetworkError(f"spectral norm: weight {self.name!r} is sharded, and its norm needs all of it", hint)
        # copies, because distributed training writes into buffers between two forward passes
        return self.formula(raw, [u.clone() for u in self.us()], [basis[0].clone() for basis in self.bases()], self.gain)

    def remembered(self, raw: Parameter) -> Tensor | None:
        """The value in memory, made anew where only the memory is missing; None where u and v belong to another weight."""
        if not self.in_step(raw):
            return None
        wanted = self.wanted()
        if self.value is None or (wanted != cast(Known, self.known).wanted and torch.is_grad_enabled() and any(wanted)):
            self.group.divide([self])
        value = cast(Tensor, self.value)
        return value if any(wanted) or not value.requires_grad else value.detach()

    def wanted(self) -> tuple[bool, bool]:
        """Whether gradients of the stored weight and of the gain are asked for."""
        return self.raw.requires_grad, self.mode.learnable and cast(Parameter, self.gain).requires_grad

    def lend(self) -> Tensor:
        """The normalized weight for somebody else than the layer, who may write into it."""
        raw = self.raw
        if self.loan is not None and self.loan.touched(raw):
            return self.loan.value  # who writes in two strokes reads in between
        value = self.read()
        if self.mode.factor is not None and self.is_own() and not value.is_inference():
            self.loan = Loan.of(value, raw, value.device.type == "cpu" or self.group.passes <= FIRST)
        return value

    def is_own(self) -> bool:
        """The stored weight is the layer's, not one that torch.func put in its place for a call."""
        wrapped = torch._C._functorch.is_functorch_wrapped_tensor
        return isinstance(self.raw, Parameter) and not (wrapped(self.raw) or wrapped(self.us()[0]))

    def at_home(self) -> bool:
        """The buffers are the layer's, not copies that torch.func put in their place for a call."""
        return self.us()[0] is self._home

    def in_step(self, raw: Tensor) -> bool:
        """u and v were last refreshed on this very weight."""
        self.arrive()
        of, version = self._seen
        if raw is not of or raw._version != version:
            return False
        gain = self.gain
        if self.value is not None and gain is not None and self.known is not None and gain._version != self.known.gain_version:
            self.value = None
        return True

    def keep(self, leading: Sequence[Leading], stored: bool) -> None:
        """Take in what a refresh found; the buffers have it too if `stored`."""
        self.arrive()
        raw = self.raw
        stored = stored and self.at_home()
        self._seen, self.stored, self.lost = (raw, raw._version), stored, self.lost and not stored
        if stored:
            basis = self.bases()[0]
            self._marked = (id(basis), basis._version)
        self.residual = leading[0].residual
        self.know([one.u for one in leading], [one.v for one in leading], self.law.norm([one.sigma for one in leading]))

    def know(self, us: list[Tensor], vs: list[Tensor], sigma: Tensor) -> None:
        """Set what the next division uses, but for the factor."""
        known = Known(self._alone, self.quick, us, vs, self.coefficient, sigma, sigma)
        self.known, self.value, self._samples, self.loan = known, None, None, None

    def remember(self, value: Tensor) -> None:
        """Keep a normalized weight for the next read."""
        assert self.known is not None
        self.value, self.known.value_version, self.known.wanted = value, value._version, self.wanted()

    @torch.no_grad()
    def know_buffers(self) -> Known:
        """The same from the buffers as they are, to the last bit what the refresh that wrote them found."""
        with torch.inference_mode(False), full_precision(self.raw):
            us, vs = [u.clone() for u in self.us()], [basis[0].clone() for basis in self.starts()]
            self.know(us, vs, self.law.norm([bilinear(one, u, v) for one, u, v in zip(self.maps(), us, vs, strict=True)]))
        return cast(Known, self.known)

    @torch.no_grad()
    def set_coefficient(self, value: float) -> None:
        """Bring the norm to `value` from the next read on; graphs that are there already keep what they were made with."""
        known = self.known
        if known is not None:
            known.coefficient = known.coefficient.clone()
        self.coefficient.fill_(value)
        if known is not None:
            self.know(list(known.us), list(known.vs), known.sigma)

    def arrive(self) -> None:
        """Of a copy, once the tensors of its layer are there too: trust them as the original was trusted."""
        if self._pending is not None:
            self.trust(self._pending)

    def trust(self, yes: bool) -> None:
        """Say whether the buffers belong to the stored weight as it is now; forget the value in memory."""
        self._pending = None
        raw, self._home = self.raw, self.us()[0]
        self._seen = (raw, raw._version) if yes else (None, -1)
        self.value = self.known = self._samples = self.loan = None
        self._classify()

    @property
    def written(self) -> bool:
        """Somebody wrote into the normalized weight, as initialization in place does."""
        if self.loan is not None and self.loan.touched(self.raw):
            return True
        return self.value is not None and self.known is not None and self.value._version != self.known.value_version

    @torch.no_grad()
    def adopt(self) -> None:
        """Take over what was written into the normalized weight as the weight itself."""
        lent = self.loan is not None and self.loan.touched(self.raw)
        self.raw.copy_(cast(Loan, self.loan).value if lent else cast(Tensor, self.value))
        self.trust(False)
        self.lost = True

    @torch.no_grad()
    def sample(self) -> None:
        """Remember a few numbers of the stored and of the normalized weight."""
        if self.value is not None and self._samples is None and self.in_step(self.raw):
            self._samples = (few(self.raw), few(self.value))

    @torch.no_grad()
    def changed_unseen(self) -> str:
        """Which was written to through `.data`, which leaves no trace in a tensor's version: `raw`, `value` or nothing."""
        if self.value is None or self._samples is None or not self.in_step(self.raw):
            return ""
        if not same(few(self.raw), self._samples[0]):
            return "raw"
        return "" if same(few(self.value), self._samples[1]) else "value"

    def __getstate__(self) -> dict[str, Any]:
        blank: dict[str, Any] = dict.fromkeys(("value", "known", "_samples", "loan", "_home"))
        blank |= {"holders": 0, "_marked": (0, -1), "_maps": (None, 0, []), "_seen": (None, -1)}
        return {**self.__dict__, **blank, "_pending": self.in_step(self.raw) and self.stored}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.group.weights.append(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> "NormalizedWeight":
        """A copy for the copied layer, in the copied group."""
        twin = object.__new__(NormalizedWeight)
        twin.__dict__.update(self.__getstate__())
        memo[id(self)] = twin
        layer = copy.deepcopy(self.weight.layer, memo)
        twin.weight = replace(self.weight, layer=layer)
        twin.law = replace(self.law, weight=twin.weight)
        twin.group = copy.deepcopy(self.group, memo)
        twin.group.weights.append(twin)
        return twin
