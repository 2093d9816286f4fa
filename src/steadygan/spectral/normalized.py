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
from steadygan.spectral.division import Known, Pair, Told
from steadygan.spectral.held import HeldWeight
from steadygan.spectral.law import full_precision, is_recorded
from steadygan.spectral.loan import Loan, few, same
from steadygan.spectral.matrix import Weight
from steadygan.spectral.modes import Mode
from steadygan.spectral.native import Found, known_triplet
from steadygan.spectral.reading import Reading
from steadygan.spectral.recorded import Divided
from steadygan.spectral.subspace import Leading, bilinear

if TYPE_CHECKING:
    from steadygan.spectral.group import Group


FIRST = 8  # forward passes in which unseen writes are looked for


class NormalizedWeight(HeldWeight):
    """One normalized weight of a layer.

    Attributes:
        group: the weights that are refreshed together.
        value: the normalized weight, kept for the next read, or None.
        known: what was found in the last refresh.
        stored: what was found in the last refresh is in the buffers.
        lost: u and v know nothing of the stored weight, so that a few iterations will not do.
        holders: how many layers read it; more than one where they share the parameter.
        loan: what was last read by somebody else than the layer, until the layer's next pass.
    """

    def __init__(self, weight: Weight, mode: Mode, readings: Sequence[Reading], group: "Group") -> None:
        super().__init__(weight, mode, readings)
        self.group, self._alone = group, self.law.alone()
        self.value: Tensor | None = None
        self.known: Known | None = None
        self._residual: Tensor | float | None = None
        self.stored, self.lost, self.holders = True, True, 0
        self._seen: tuple[Tensor | None, int] = (None, -1)
        self._home: Tensor | None = None
        self._pending: bool | None = False  # what to say to `trust` once the layer is there: a copy is made before its layer
        self._samples: tuple[Tensor, Tensor] | None = None
        self.loan: Loan | None = None
        group.weights.append(self)

    @property
    def residual(self) -> Tensor | None:
        """Of the last refresh, [G]."""
        found = self._residual
        return torch.tensor([found]) if isinstance(found, float) else found

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
        us, vs = [u.clone() for u in self.us()], [basis[0].clone() for basis in self.bases()]
        if self.quick and torch.compiler.is_dynamo_compiling() and not torch.compiler.is_exporting():
            with full_precision(raw):
                return cast(Tensor, Divided.apply(raw, us[0], vs[0], self.coefficient))  # type: ignore[no-untyped-call]
        return self.formula(raw, us, vs, self.gain)

    def remembered(self, raw: Parameter) -> Tensor | None:
        """The value in memory, made anew where only the memory is missing; None where u and v belong to another weight."""
        if not self.in_step(raw):
            return None
        wanted, value = self.wanted(raw), self.value
        self.group.ahead = True
        if value is None or (wanted != cast(Known, self.known).wanted and torch.is_grad_enabled() and any(wanted)):
            self.group.divide(None if value is None else [self])
            value = cast(Tensor, self.value)
        return value if any(wanted) or not value.requires_grad else value.detach()

    def wanted(self, raw: Tensor) -> tuple[bool, bool]:
        """Whether gradients of the stored weight and of the gain are asked for."""
        return raw.requires_grad, self.mode.learnable and cast(Parameter, self.gain).requires_grad

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
        if self._pending is not None:
            self.arrive()
        of, version = self._seen
        if raw is not of or raw._version != version:
            return False
        if self.mode.learnable and self.value is not None and self.known is not None:
            self.value = self.value if cast(Parameter, self.gain)._version == self.known.gain_version else None
        return True

    def keep(self, leading: Sequence[Leading], stored: bool) -> None:
        """Take in what a refresh found; the buffers have it too if `stored`."""
        if self._pending is not None:
            self.arrive()
        raw, buffers, first = self.raw, self.weight.layer._buffers, leading[0]
        stored = stored and buffers[self._names[0][0]] is self._home
        self._seen, self.stored, self.lost = (raw, raw._version), stored, self.lost and not stored
        if stored:
            basis = cast(Tensor, buffers[self._names[1][0]])
            self._marked = (id(basis), basis._version)
        if isinstance(first, Found):
            self._residual = first.numbers[1]
            if self.quick:
                self._set(Known(self._alone, True, leading, self.coefficient, None, first.factors(), first.given()))
                return
        else:
            self._residual = first.residual
        self.know(leading, self.law.norm([one.sigma for one in leading]))

    def know(self, pairs: Sequence[Pair], sigma: Tensor) -> None:
        """Set what the next division uses, but for the factor."""
        self._set(Known(self._alone, self.quick, pairs, self.coefficient, sigma))

    def _set(self, known: Known) -> None:
        self.known = known
        self.value = self._samples = self.loan = None

    def remember(self, value: Tensor) -> None:
        """Keep a normalized weight for the next read."""
        assert self.known is not None
        self.value, self.known.value_version, self.known.wanted = value, value._version, self.wanted(self.raw)

    @torch.no_grad()
    def know_buffers(self) -> Known:
        """The same from the buffers as they are, to the last bit what the refresh that wrote them found."""
        with torch.inference_mode(False), full_precision(self.raw):
            triplets = zip(self.maps(), self.us(), self.starts(), strict=True)
            pairs = [self._pair(one, u, basis[0]) for one, u, basis in triplets]
            self.know(pairs, self.law.norm([one.sigma for one in pairs]))
        return cast(Known, self.known)

    def _pair(self, one: Any, u: Tensor, v: Tensor) -> Pair:
        """Copies of u and v, with u'Wv of each block as the refresh computes it."""
        if self.plain and self.goes_short():
            return known_triplet(one.matrices, u, v)
        return Told(u.clone(), v.clone(), bilinear(one, u, v))

    @torch.no_grad()
    def set_coefficient(self, value: float) -> None:
        """Bring the norm to `value` from the next read on; graphs that are there already keep what they were made with."""
        known = self.known
        if known is not None:
            known.coefficient = known.coefficient.clone()
        self.coefficient.fill_(value)
        if known is not None:
            self.know(known.pairs, known.sigma)

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
    def sample(self) -> bool:
        """Remember a few numbers of the stored and of the normalized weight: -> whether there are any to compare with."""
        if self.value is not None and self._samples is None and self.in_step(self.raw):
            self._samples = (few(self.raw), few(self.value))
        return self._samples is not None

    @torch.no_grad()
    def changed_unseen(self) -> str:
        """Which was written to through `.data`, which leaves no trace in a tensor's version: `raw`, `value` or nothing."""
        if self.value is None or self._samples is None or not self.in_step(self.raw):
            return ""
        if not same(few(self.raw), self._samples[0]):
            return "raw"
        return "" if same(few(self.value), self._samples[1]) else "value"

    def __getstate__(self) -> dict[str, Any]:
        blank: dict[str, Any] = dict.fromkeys(("value", "known", "_samples", "loan", "_home", "_residual"))
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
