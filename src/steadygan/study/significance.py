"""Could it be chance? A paired test by flipping signs, and Holm's correction for asking many times."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from steadygan.errors import EvaluationError
from steadygan.study.scores import Floats, Scores, check_paired

EXACT_PAIRS = 16  # 65,536 flips; with more pairs they are drawn
FLIPS = 50_000


@dataclass(frozen=True)
class PairedTest:
    """p of a two-sided paired test; `pairs` that differ, and whether all their flips were counted or some drawn."""

    p: float
    pairs: int
    exact: bool

    @property
    def least(self) -> float:
        """The smallest p that so many pairs can give: 5 pairs never get below 0.0625."""
        return 0.5 ** max(self.pairs - 1, 0)


def sign_flip(differences: Floats, seed: int = 0) -> PairedTest:
    """Whether paired differences [N] lean to one side: the share of sign flips that sum to as much as was seen. Fisher 1935.

    Where A and B are alike, each difference could as well have had the other sign. Up to 16 pairs that differ all flips are
    counted; with more they are drawn, and the flip seen counts as one of them, so p is never 0 (Phipson & Smyth 2010,
    arXiv:1603.05766).

    >>> sign_flip(np.array([1.0, 2.0, 3.0])).p
    0.25

    Raises:
        EvaluationError: a difference is not finite; `paired_test` ranks failures instead.
    """
    if not np.isfinite(differences).all():
        raise EvaluationError("study: sign_flip takes finite differences, got one that is not", "use paired_test, which ranks")
    found = differences[differences != 0]
    pairs = len(found)
    if pairs <= EXACT_PAIRS:
        signs = 1.0 - 2.0 * (np.arange(2**pairs)[:, None] >> np.arange(pairs) & 1)
        return PairedTest(float(as_far(signs @ found, found).mean()), pairs, True)
    signs = 1.0 - 2.0 * np.random.default_rng(seed).integers(2, size=(FLIPS, pairs), dtype=np.int8)
    return PairedTest(float(as_far(signs @ found, found).sum() + 1) / (FLIPS + 1), pairs, False)


def as_far(sums: Floats, differences: Floats) -> Floats:
    """1 where a flipped sum is as far from 0 as the sum seen, up to rounding."""
    rounding = 1e-12 * np.abs(differences).sum()
    return np.asarray(np.abs(sums) >= abs(differences.sum()) - rounding, dtype=np.float64)


def paired_test(a: Scores, b: Scores, seed: int = 0) -> PairedTest:
    """Whether one arm is better than the other, cell by cell: sign flips of signed ranks (Wilcoxon 1945).

    Ranks, because settings differ in scale and because a failure is worse than any score by no stated amount: it gets the
    largest rank. Two failures are alike.
    """
    check_paired(a, b)
    with np.errstate(invalid="ignore"):
        differences = np.nan_to_num((a.goodness - b.goodness).ravel(), nan=0.0, posinf=np.inf, neginf=-np.inf)
    return sign_flip(signed_ranks(differences[differences != 0]), seed)


def signed_ranks(differences: Floats) -> Floats:
    """Ranks of the sizes from 1, equal ones sharing theirs, with the signs of the differences: [N] -> [N]."""
    _, place, count = np.unique(np.abs(differences), return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2
    return np.asarray(np.sign(differences) * ranks[place])


def holm(ps: Sequence[float]) -> list[float]:
    """The ps of a family corrected for their number, in the order given: one of them wrongly small in at most 5%. Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    if wrong := [p for p in ps if isnan(p) or not 0 <= p <= 1]:
        raise EvaluationError(f"study: a p lies in 0..1, got {wrong[0]}")
    corrected, highest = [0.0] * len(ps), 0.0
    for place, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        highest = max(highest, min(1.0, (len(ps) - place) * ps[index]))
        corrected[index] = highest
    return corrected
