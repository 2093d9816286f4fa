"""The tables of a study in the terminal: the same text as in its report."""

from rich.table import Column, Table
from rich.text import Text

from steadygan.study.report import sheets
from steadygan.study.report.sheets import Sheet
from steadygan.study.table import Table as StudyTable


def shown(table: StudyTable) -> list[Table]:
    """What a study's results say as tables to print: how far it is where it is not done, then arms, settings and cost."""
    counts = [counted(table)] if table.complete.lost else []
    if table.main is None:
        return counts
    main = sheets.main_sheet(table, table.main)
    made = [printed(main, f"{main.title}, interquartile means with 95% intervals, {main.note}")]
    if others := sheets.other_sheet(table):
        made.append(printed(others, "Other metrics, interquartile means"))
    if len(table.main.settings) > 1:
        made.append(printed(sheets.spot_sheet(table, table.main), f"{main.title} by setting, medians over seeds"))
    if cost := sheets.cost_sheet(table):
        made.append(printed(cost, "Cost, processor time"))
    return [*counts, *made]


def counted(table: StudyTable) -> Table:
    """How many cells there are, by what became of them."""
    counts = {state: count for state, count in table.complete.counts.items() if count}
    made = empty("Cells", tuple(counts))
    made.add_row(*map(str, counts.values()))
    return made


def printed(sheet: Sheet, title: str) -> Table:
    """A table of the report for the terminal; nothing in it acts as markup."""
    made = empty(title, sheet.head)
    for i, row in enumerate(sheet.rows):
        made.add_row(*(cell(text, (i, j) in sheet.bold) for j, text in enumerate(row)))
    return made


def empty(title: str, head: tuple[str, ...]) -> Table:
    """A table with its title and the names of its columns."""
    names = [Column(Text(name, "bold"), overflow="fold") for name in head]
    return Table(*names, box=None, pad_edge=False, title=Text(title, "bold"), title_justify="left", caption_justify="left")


def cell(text: str, bold: bool) -> Text:
    """What stands in a cell, its further lines dim."""
    first, _, more = text.partition("\n")
    return Text(first, "bold" if bold else "").append(f"\n{more}" if more else "", "not bold dim")
