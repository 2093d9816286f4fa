"""`steadygan data`: known data sets, where each comes from, and fetching them."""

from typing import Annotated

import typer


def run(name: Annotated[str | None, typer.Argument(help="Fetch this set.")] = None) -> None:
    """List the known data sets with home and licence, or fetch one."""
    if name is None:
        show_known()
    else:
        fetch_named(name)


def show_known() -> None:
    """A few lines for each set."""
    from steadygan.data.fetch import is_fetched
    from steadygan.data.known import KNOWN

    for known in KNOWN.values():
        where = (
            "comes with this package"
            if known.embedded
            else "fetched"
            if is_fetched(known)
            else f"{known.size / 1e6:.0f} MB to fetch"
        )
        channels, height, width = known.image
        print(f"{known.name}  ({known.title}; {where})")
        print(f"  {known.count} images of {width}x{height}, {channels} channels, {len(known.class_names)} classes")
        print(f"  home     {known.home}\n  licence  {known.licence}")
    print("\nprocedural: ring, grid (2-D points), shapes (coloured, 32x32); stacked (one MNIST digit a channel)")
    print("fetch one with `steadygan data NAME`, train on it with `steadygan train NAME`")


def fetch_named(name: str) -> None:
    """Fetch a set, with progress."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from steadygan.data.fetch import fetch
    from steadygan.data.known import KNOWN
    from steadygan.errors import DataError
    from steadygan.parts import near_miss

    if name not in KNOWN:
        raise DataError(f"data: there is no known set {name!r}", f"{near_miss(name, KNOWN)}known: {', '.join(KNOWN)}")
    known = KNOWN[name]
    if known.embedded:
        print(f"{name} comes with this package: there is nothing to fetch")
        return
    with Progress(TextColumn(f"fetching {name}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(name, total=known.size)
        place = fetch(known, lambda done, _total: bar.update(task, completed=done))
    print(f"{name} is in {place}")
