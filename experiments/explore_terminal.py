"""What `emofuse explore` prints: classes, and what each block tells."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from ..features.terminal import new_console, new_table, print_notes
from .explore import Exploration
from .report_tables import number


def print_exploration(found: Exploration) -> None:
    """Print the classes, the blocks and what a reader should not miss; notes go to stderr."""
    numbers = found.numbers
    rows, classes = numbers["rows"], numbers["classes"]
    stamps = f"  [{', '.join(found.explored.stamps).upper()}]" if found.explored.stamps else ""
    console = new_console()
    table = new_table(f"{numbers['study']}: {rows['explored']} of {rows['all']} samples looked at{stamps}")
    for heading in ("class", "samples", "share"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for name, count in classes["classes"].items():
        table.add_row(Text(name), str(count), f"{100 * count / classes['n_samples']:.1f} %")
    console.print(table)
    console.print(_block_table(numbers))
    for line in found.glance:
        console.print(Text(f"- {line}"), soft_wrap=True)
    print_notes(list(found.explored.notes), rest="see explore.json")


def _block_table(numbers: dict[str, Any]) -> Any:
    group = numbers["corpus"]["groups"]
    table = new_table("What the blocks know (shares of variance, ω²)")
    headings = ("block", "features", "tell more than chance", "best feature", "ω²", "class", group)
    for heading in headings:
        table.add_column(Text(heading), justify="left" if heading in ("block", "best feature") else "right")
    for name in dict.fromkeys((*numbers["features"], *numbers["projections"])):
        view, projection = numbers["features"].get(name), numbers["projections"].get(name)
        cells = ["", "", "", ""]
        if view is not None:
            best = view["ranked"][0] if view["ranked"] else None
            effect = "" if best is None else number(best[view["ranked_by"]])
            cells = [str(view["n_features"]), str(view["n_telling"]), "" if best is None else best["feature"], effect]
        shares = ["", ""] if projection is None else [_share(projection[key]) for key in ("by_class", "by_group")]
        table.add_row(*(Text(cell) for cell in (name, *cells, *shares)))
    return table


def _share(value: float | None) -> str:
    return "" if value is None else number(value)
