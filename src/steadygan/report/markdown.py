"""The little Markdown that a plan is written in, as HTML: headings, lists, tables, code, bold. Everything else is text."""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

OPTION = re.compile(r"--\w+ (?:'[^'`]*'|[^\s`()]*[^\s`().,;:])")
CELL = re.compile(r"(?<!\\)\|")


def to_html(text: str) -> str:
    """HTML of a Markdown text; all of it is escaped first, so that nothing in it can act.

    >>> to_html("- `r1`: **few** images <3")
    '<ul><li><code>r1</code>: <strong>few</strong> images &lt;3</li></ul>'
    """
    return "".join(block(kind, list(lines)) for kind, lines in groupby(unfenced(text), kind_of))


def unfenced(text: str) -> Iterator[str]:
    """The lines of the text; those between code fences come with a NUL before them, which is the mark of code."""
    inside = False
    for line in text.replace("\0", "").splitlines():
        if line.strip().startswith("```"):
            inside = not inside
            continue
        yield f"\0{line}" if inside else line.strip()


def kind_of(line: str) -> str:
    """What kind of block a line belongs to."""
    if line.startswith("\0"):
        return "code"
    if re.match(r"#{1,6} ", line):
        return "heading"
    if re.match(r"[-*+] ", line):
        return "ul"
    if re.match(r"\d+[.)] ", line):
        return "ol"
    if line.startswith("|"):
        return "table"
    return "text" if line else "blank"


def block(kind: str, lines: list[str]) -> str:
    """The HTML of neighbouring lines of one kind."""
    if kind == "code":
        return f"<pre>{escape(chr(10).join(line[1:] for line in lines))}</pre>"
    if kind == "heading":  # the page has a title of its own
        return "".join(f"<h3>{inline(line.lstrip('#').strip())}</h3>" for line in lines if not line.startswith("# "))
    if kind in ("ul", "ol"):
        items = "".join(f"<li>{inline(line.split(' ', 1)[1])}</li>" for line in lines)
        return f"<{kind}>{items}</{kind}>"
    if kind == "table":
        return table(lines)
    return f"<p>{inline(' '.join(lines))}</p>" if kind == "text" else ""


def table(lines: list[str]) -> str:
    """The HTML of a table; a second row of dashes makes the first one the head."""
    rows = [[cell.strip() for cell in CELL.split(line.strip().removeprefix("|").removesuffix("|"))] for line in lines]
    headed = len(rows) > 1 and all(re.fullmatch(r":?-+:?", cell) for cell in rows[1])
    names = rows[0] if headed else []
    head = f"<thead><tr>{''.join(f'<th>{inline(name)}</th>' for name in names)}</tr></thead>" if headed else ""
    return f"<table>{head}<tbody>{''.join(row(cells, names) for cells in rows[2 if headed else 0 :])}</tbody></table>"


def row(cells: list[str], names: list[str]) -> str:
    """One row of a table, each cell with the name of its column, for a screen that is too narrow for a head."""
    labels = [*names, *[""] * len(cells)]
    pairs = zip(cells, labels, strict=False)
    return (
        "<tr>"
        + "".join(f'<td data-label="{escape(label)}"><span>{inline(cell)}</span></td>' for cell, label in pairs)
        + "</tr>"
    )


def sentence(text: object) -> str:
    """A reason or an advice as HTML: the options in it stand out as code."""
    return inline(OPTION.sub(r"`\g<0>`", str(text)))


def inline(text: str) -> str:
    """Code and bold within a line, everything escaped. A long `key=value` may break after its `=`."""
    text = escape(text.replace("\\|", "|"))
    text = re.sub(r"`([^`]+)`", lambda match: f"<code>{match[1].replace('=', '=<wbr>')}</code>", text)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
