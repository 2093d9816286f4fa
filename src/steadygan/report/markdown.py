"""The little Markdown that a plan is written in, as HTML: headings, lists, tables, code, bold. Everything else is text."""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

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
    if kind == "heading":
        return "".join(f"<h3>{inline(line.lstrip('#').strip())}</h3>" for line in lines)
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
    head = row(rows[0], "th") if headed else ""
    body = "".join(row(cells, "td") for cells in rows[2 if headed else 0 :])
    return (
        f'<div class="scroll"><table class="plan">{f"<thead>{head}</thead>" if head else ""}<tbody>{body}</tbody></table></div>'
    )


def row(cells: list[str], tag: str) -> str:
    """One row of a table."""
    return f"<tr>{''.join(f'<{tag}>{inline(cell)}</{tag}>' for cell in cells)}</tr>"


def inline(text: str) -> str:
    """Code and bold within a line, everything escaped."""
    text = escape(text.replace("\\|", "|"))
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
