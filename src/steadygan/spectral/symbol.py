"""A certified bound on the norm of a kernel's symbol: the matrix K(theta) that a convolution is at each frequency theta.

The norm of a zero-padded convolution of any size is at most the largest norm of K(theta) over all theta, and nears it as the
image grows. The largest norm on a grid is less than that, but not much: for unit vectors a and b, |a' K(theta) b|^2 is a
trigonometric polynomial of degree q - 1, where q is the number of taps, between 0 and some M^2. By a lemma of M. Riesz 1914, at
a distance delta from where it is M^2 it is at least M^2 cos^2(delta (q - 1) / 2). No theta is further than pi / N from a grid
of N points, so M is at most 1 / cos(pi (q - 1) / (2 N)) times the largest norm on the grid; in several dimensions, once for
each. That is less than the factors of Pfister & Bresler 2018, arXiv:1802.09588, in Araujo et al. 2021, arXiv:2006.08391.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

DENSITIES = (16, 12, 8, 6, 4)  # grid points for each degree: 0.5 % to 8 % above the grid's largest, a dimension
FINE, COARSE = 1e10, 1e11  # multiplications that a finer grid may take, and the coarsest: about 0.3 and 3 s on one core
ENTRIES = 1 << 18  # complex numbers at a time, 4 MB: what a processor keeps near
SLACK = 1.01  # of squares: a larger one makes fewer decompositions
EPS, TINY = torch.finfo(torch.float64).eps, torch.finfo(torch.float64).tiny


def symbol_bound(kernels: Tensor) -> float:
    """A bound on the norm of K(theta) over all theta and G: [G, M, N, *q] float64 -> number; inf where it costs too much."""
    degrees = [taps - 1 for taps in kernels.shape[3:]]
    if not any(degrees):
        return norm_above(kernels.flatten(2))
    density = next((each for each in DENSITIES if cost(kernels, each) <= FINE), DENSITIES[-1])
    if cost(kernels, density) > COARSE:
        return math.inf
    correction = math.cos(math.pi / (2 * density)) ** sum(degree > 0 for degree in degrees)
    return largest_on(kernels, grid([max(1, density * degree) for degree in degrees])) / correction


def cost(kernels: Tensor, density: int) -> float:
    """Multiplications, about: symbols, Gram matrices and their triangular factors."""
    groups, (small, large), taps = len(kernels), sorted(kernels.shape[1:3]), kernels[0, 0, 0].numel()
    points = math.prod(max(1, density * (each - 1)) for each in kernels.shape[3:]) / 2
    return points * groups * (4.0 * small**2 * (large + small) + 2 * taps * small * large)


def grid(points: Sequence[int]) -> Tensor:
    """The frequencies of a regular grid, but one only of theta and -theta, whose symbols are conjugate: -> [P, D] radians."""
    places, many = lattice(points), torch.tensor(points)
    mirrored = torch.zeros(len(places), dtype=torch.int64)
    for count, place in zip(points, places.T, strict=True):
        mirrored = mirrored * count + -place % count
    return places[torch.arange(len(places)) <= mirrored] * (2 * math.pi / many.double())


def lattice(sizes: Sequence[int]) -> Tensor:
    """All places of a box, in order: -> [prod(sizes), D] int64."""
    return torch.stack(torch.meshgrid(*(torch.arange(size) for size in sizes), indexing="ij"), -1).flatten(0, -2)


def largest_on(kernels: Tensor, angles: Tensor) -> float:
    """The largest norm of K(theta) at the given frequencies, rounded up: [G, M, N, *q], [P, D] -> number."""
    places = lattice(kernels.shape[3:]).double()  # [Q, D]
    phases = (angles @ places.T).to(kernels.device)  # [P, Q]
    wide = kernels if kernels.shape[1] <= kernels.shape[2] else kernels.transpose(1, 2)
    shape, taps = wide.shape[1:3], wide.flatten(3).permute(3, 0, 1, 2).flatten(1)  # [Q, G * M * N]
    square = 0.0
    for chunk in torch.split(phases, max(1, ENTRIES // taps.shape[1])):
        symbols = torch.complex(chunk.cos() @ taps, chunk.sin() @ taps).reshape(-1, *shape)
        square = above_all(symbols @ symbols.mH, square)
    return math.sqrt(square) * rounding(shape[0], shape[1], len(taps))


def above_all(grams: Tensor, known: float) -> float:
    """A number that no eigenvalue of any of the matrices exceeds; `known` itself, if that is one: [B, M, M], number -> number.

    Where c - G has a Cholesky factor, c is above all eigenvalues of G. It costs a third of the eigenvalues, which are computed
    for a few matrices only, of those that fail the one with the largest Frobenius norm first.
    """
    identity = torch.eye(grams.shape[-1], dtype=grams.dtype, device=grams.device)
    while True:
        grams = grams[torch.linalg.cholesky_ex(known * identity - grams)[1] != 0]
        if not len(grams):
            return known
        likely = grams[torch.linalg.matrix_norm(grams).argmax()]
        known = SLACK * float(torch.linalg.eigvalsh(likely)[-1]) + TINY


def norm_of(matrices: Tensor) -> float:
    """The largest singular value of a stack of matrices: [*, M, N] float64 -> number."""
    wide = matrices if matrices.shape[-2] <= matrices.shape[-1] else matrices.mT
    return math.sqrt(max(0.0, float(torch.linalg.eigvalsh(wide @ wide.mT).amax())))


def norm_above(matrices: Tensor) -> float:
    """The same, rounded up."""
    return norm_of(matrices) * rounding(matrices.shape[-2], matrices.shape[-1])


def rounding(rows: int, columns: int, taps: int = 1) -> float:
    """A factor above 1 by more than floating point can take off a norm that is computed by way of the Gram matrix.

    Each entry of that is off by (M + N) eps times the lengths of two rows at most, its norm by as much times the number of
    rows, and eigenvalues and Cholesky factors by less: Higham 2002, Accuracy and Stability, sections 3.5, 3.6 and 10.1. A
    symbol of Q taps is off by about 20 Q eps times the sum of their lengths, at most sqrt(Q M) times its largest norm.
    """
    return 1 + 16 * EPS * (rows + columns + taps**2) * min(rows, columns)
