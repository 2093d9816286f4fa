"""The numbers of a table as people read them, the same on the page, in Markdown and in the terminal."""

from collections.abc import Iterable, Sequence
from math import isfinite, isinf, isnan

from steadygan.report.words import number
from steadygan.share import Share
from steadygan.study.bootstrap import Estimate
from steadygan.study.measures import Measure

FAILURE = "fails"  # in the place of a score
NONE = "–"


def middle(found: Estimate) -> str:
    """An interquartile mean with its interval.

    >>> middle(Estimate(0.512, 0.48, 0.55)), middle(Estimate(0.512, float("-inf"), 0.55)), middle(Estimate(float("inf"), 2, 3))
    ('0.512 (0.480 to 0.550)', '0.512 (from failure to 0.550)', 'fails')
    """
    value, interval = parts(found)
    return f"{value} ({interval})" if interval else value


def parts(found: Estimate) -> tuple[str, str]:
    """An interquartile mean and its interval; the interval is empty where there is none."""
    value = end(found.value)
    if value == FAILURE or endless(found):
        return value, ""
    return value, f"{'from failure' if isinf(found.low) else figure(found.low)} to {end(found.high, 'failure')}"


def endless(found: Estimate) -> bool:
    """Whether an interval has no ends, for want of seeds."""
    return isinf(found.low) and isinf(found.high)


def end(value: float, failure: str = FAILURE) -> str:
    """A score, or that it is a failure."""
    return figure(value) if isfinite(value) else failure


def figure(value: float, digits: int = 3) -> str:
    """A number with the zeros that tell how exactly it is known.

    >>> figure(0.41), figure(8.0), figure(622.2), figure(0.0), figure(12345.6)
    ('0.410', '8.00', '622', '0', '12,346')
    """
    if not 1e-3 <= abs(value) < 10**digits:
        return number(value, digits)
    return f"{value:#.{digits}g}".rstrip(".").replace("-", "−")


def effect(found: Estimate) -> str:
    """By how much one arm is better; infinite where the other one fails.

    >>> effect(Estimate(0.1, float("-inf"), 0.3)), effect(Estimate(0.1, float("-inf"), float("inf")))
    ('0.100 (−∞ to 0.300)', '0.100 (no interval)')
    """
    value, low, high = (sized(each) for each in (found.value, found.low, found.high))
    return f"{value} (no interval)" if endless(found) else f"{value} ({low} to {high})"


def sized(value: float) -> str:
    """A number, infinite ones among them."""
    return "no number" if isnan(value) else ("−∞" if value < 0 else "∞") if isinf(value) else figure(value)


def share(found: Share) -> str:
    r"""Cells of all cells, and the interval of the share in a second line.

    >>> share(Share(1, 30))
    '1 of 30\n1 to 17%'
    """
    if found.interval is None:
        return NONE
    low, high = (f"{100 * end:.0f}" for end in found.interval)
    return f"{found.hits} of {found.of}\n{low} to {high}%"


def failed(found: Share) -> str:
    """How many cells failed of how many; nothing where none did.

    >>> failed(Share(1, 30)), failed(Share(0, 30))
    ('1 of 30 failed', '')
    """
    return f"{found.hits} of {found.of} failed" * bool(found.hits)


def chance(found: Estimate) -> str:
    r"""A probability, and its interval in a second line, in percent.

    >>> chance(Estimate(0.72, 0.55, 0.849))
    '72%\n55 to 85%'
    """
    value, low, high = (f"{100 * each:.0f}" for each in (found.value, found.low, found.high))
    return f"{value}%\n{low} to {high}%"


def p_value(p: float | None) -> str:
    """A p to two digits.

    >>> p_value(0.03125), p_value(0.00002), p_value(1.0)
    ('0.031', '<0.001', '1')
    """
    if p is None:
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.2g}"


def numbers(found: Sequence[int]) -> str:
    """Whole numbers, runs of them by their ends.

    >>> numbers([0, 1, 2, 3, 4]), numbers([7]), numbers([0, 1, 5])
    ('0 to 4', '7', '0, 1, 5')
    """
    if len(found) > 2 and list(found) == list(range(found[0], found[-1] + 1)):
        return f"{found[0]} to {found[-1]}"
    return ", ".join(map(str, found))


def counted(count: int, what: str) -> str:
    """So many of something.

    >>> counted(1, "seed"), counted(12, "cell")
    ('1 seed', '12 cells')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def listed(items: Iterable[str], most: int = 6) -> str:
    """Some of the items, and how many more there are.

    >>> listed("abcd", 2)
    'a, b and 2 more'
    """
    found = list(items)
    return ", ".join(found[:most]) + f" and {len(found) - most} more" * (len(found) > most)


def headed(metric: str, measure: Measure) -> str:
    """A metric with its unit and the way that is better, if one is.

    >>> headed("seconds", Measure(of="cost/seconds", unit="s"))
    'seconds, s ↓'
    """
    way = (" ↑" if measure.higher_is_better else " ↓") * measure.judges
    return f"{metric}{f', {measure.unit}' * bool(measure.unit)}{way}"
