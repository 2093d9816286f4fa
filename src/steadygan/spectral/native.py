"""The kernels in C for plain float32 weights on a CPU, where the package was built with a compiler: see `kernels.c`.

Without it everything works in torch and NumPy, with the same numbers up to rounding, and slower only in small networks, where
calling operations at all is most of the work. One thread, so large weights stay with torch where it may use several.
"""

import ctypes
from array import array
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor, is_legacy_batchedtensor

from steadygan.spectral.subspace import WIDTH, Stack

LARGE = 1 << 18  # entries of a weight above which torch's threads win
POINTER, WHOLE, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
SIGNATURES = {
    "iterate": (WHOLE, [WHOLE, *[POINTER] * 6, REAL, WHOLE]),
    "bilinear": (REAL, [WHOLE, WHOLE, *[POINTER] * 4]),
    "gradients": (None, [WHOLE, POINTER, POINTER, POINTER]),
}


@cache
def kernels() -> ctypes.CDLL | None:
    """The kernels of this version; None where there are none, or this machine cannot load them."""
    from steadygan.spectral import compiling  # late, so that it can be run by itself

    if ctypes.sizeof(POINTER) != 8:
        return None  # addresses are handed over as numbers of 64 bits
    try:
        found = ctypes.CDLL(str(compiling.library_of(compiling.SOURCE)))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return found


def serves(matrix: Tensor) -> bool:
    """The kernels take this matrix [M, N]."""
    if matrix.dtype != torch.float32 or not matrix.is_contiguous() or matrix.device.type != "cpu":
        return False
    return (matrix.numel() <= LARGE or torch.get_num_threads() == 1) and kernels() is not None


class Found:
    """The leading singular triplet of one matrix as a `Leading` has it; the tensors are made when they are asked for.

    Attributes:
        memory, at: where u, v and the rest of the basis lie one after the other, and from which entry on.
        rows, columns: M, N.
        numbers: sigma; after an iteration also the residual, and what the weight was multiplied by.
        value: the normalized weight, until somebody takes it.
        home: u and basis are in their buffers already.
    """

    __slots__ = ("at", "columns", "home", "memory", "numbers", "rows", "value")

    def __init__(
        self,
        memory: Tensor,
        at: int,
        rows: int,
        columns: int,
        numbers: tuple[float, ...],
        value: Tensor | None = None,
        home: bool = False,
    ) -> None:
        self.memory, self.at, self.rows, self.columns, self.numbers = memory, at, rows, columns, numbers
        self.value, self.home = value, home

    def factors(self) -> tuple[float, float]:
        """Sigma, and what the weight was multiplied by."""
        return self.numbers[0], self.numbers[2]

    def given(self) -> Tensor | None:
        """The normalized weight, given away: who kept it would keep the graph that it joins."""
        value, self.value = self.value, None
        return value

    @property
    def u(self) -> Tensor:
        """[M]."""
        return self.memory[self.at : self.at + self.rows]

    @property
    def v(self) -> Tensor:
        """[N]."""
        start = self.at + self.rows
        return self.memory[start : start + self.columns]

    @property
    def basis(self) -> Tensor:
        """[3, N]."""
        start = self.at + self.rows
        return self.memory[start : start + WIDTH * self.columns].view(WIDTH, -1)

    @property
    def sigma(self) -> Tensor:
        """Scalar."""
        return torch.tensor(self.numbers[0])

    @property
    def residual(self) -> Tensor:
        """[1]."""
        return torch.tensor([self.numbers[1]])


class Seat(NamedTuple):
    """What one matrix brings to an iteration.

    Attributes:
        start: [3, N] the basis to begin with.
        home: buffers that u and the basis go to, if they are to.
        value: filled with the normalized weight, where there is one.
        coefficient: scalar, what its norm is brought to then.
    """

    start: Tensor
    home: tuple[Tensor, Tensor] | None
    value: Tensor | None
    coefficient: Tensor


class Iteration:
    """The iteration of `subspace` on some matrices [M, N], and their division, in one call.

    Args:
        stacks: one matrix each; they share memory with the weights, and follow them.
    """

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._stacks = list(stacks)  # the pointers are theirs
        shapes = [tuple(one.matrices.shape) for one in stacks]
        self._sizes = array("q", [length for shape in shapes for length in shape])
        ends = list(accumulate(rows + WIDTH * columns for rows, columns in shapes))
        self._places = [(at, rows, columns) for at, (rows, columns) in zip([0, *ends], shapes, strict=False)]
        self._weights = array("q", [one.matrices.data_ptr() for one in stacks])
        self._fixed = address(self._sizes), address(self._weights)
        self._length = ends[-1]
        self._room = torch.empty(max(WIDTH * rows + (1 + WIDTH) * columns for rows, columns in shapes))

    def iterate(self, seats: Sequence[Seat], residual: float, at_most: int) -> list[Found] | None:
        """From where they are, until each residual is below: -> what is known; None for numbers out of range."""
        memory, count = torch.empty(self._length), len(seats)
        places = [one.start.data_ptr() for one in seats]
        places += [one.coefficient.data_ptr() for one in seats]
        places += [0 if one.value is None else one.value.data_ptr() for one in seats]
        places += [0 if one.home is None else one.home[k].data_ptr() for k in (0, 1) for one in seats]
        tensors, numbers = array("q", places), array("f", bytes(12 * count))
        where = (*self._fixed, address(tensors), memory.data_ptr(), address(numbers), self._room.data_ptr())
        if run(count, *where, residual, at_most) < 0:
            return None
        torch.autograd.graph.increment_version([buffer for one in seats if one.home for buffer in one.home])
        triples = zip(numbers[:count], numbers[count : 2 * count], numbers[2 * count :], strict=True)
        return [
            Found(memory, *place, triple, one.value, one.home is not None)
            for place, triple, one in zip(self._places, triples, seats, strict=True)
        ]


def address(numbers: "array[Any]") -> int:
    """Where they lie."""
    return numbers.buffer_info()[0]


def run(*arguments: float) -> int:
    """The kernel `iterate`: -> how many iterations it made in all, or less than 0."""
    return int(cast(ctypes.CDLL, kernels()).iterate(*arguments))


def known_triplet(matrix: Tensor, u: Tensor, v: Tensor) -> Found:
    """What is known of a matrix [M, N] whose u and v are known already, to the last bit what the iteration says of them."""
    (rows, columns), memory, room = matrix.shape, torch.cat([u, v]), torch.empty(matrix.shape[1])
    at = memory.data_ptr()
    sigma = cast(ctypes.CDLL, kernels()).bilinear(rows, columns, matrix.data_ptr(), at, at + 4 * rows, room.data_ptr())
    return Found(memory, 0, rows, columns, (sigma,))


def takes(given: Tensor, result: Tensor) -> bool:
    """The kernels make a weight's gradient of this one of its normalized weight: plain numbers in the same layout."""
    if type(given) is not Tensor or given.dtype != torch.float32 or given.stride() != result.stride():
        return False
    several = is_legacy_batchedtensor(given) or is_functorch_wrapped_tensor(given)
    return not (several or given._is_zerotensor() or given.is_neg())


def gradients(
    given: Sequence[Tensor], results: Sequence[Tensor], found: Sequence[Found], numbers: Sequence[tuple[float, float]]
) -> list[Tensor]:
    """Gradients of weights, each in two passes over memory.

    Args:
        given, results: gradients of the normalized weights, and those weights themselves.
        found: their singular vectors, v in the order in which the weight lies in memory.
        numbers: sigma and coefficient / sigma.
    """
    made = [torch.empty_like(result) for result in results]
    us = [one.memory.data_ptr() + 4 * one.at for one in found]
    vs = [at + 4 * one.rows for at, one in zip(us, found, strict=True)]
    given_at, results_at, made_at = ([tensor.data_ptr() for tensor in ones] for ones in (given, results, made))
    sizes = array("q", [length for one in found for length in (one.rows, one.columns)])
    tensors = array("q", [*given_at, *results_at, *us, *vs, *made_at])
    factors = array("d", [number for pair in numbers for number in pair])
    cast(ctypes.CDLL, kernels()).gradients(len(found), address(sizes), address(tensors), address(factors))
    return made
