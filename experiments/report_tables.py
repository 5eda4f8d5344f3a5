"""What a report is made of: sections of figures and tables, and the four ways a table is written.

These are the page, CSV, LaTeX (booktabs) and Markdown. The numbers are held once, at full precision; what a reader sees has
the digits that a paper prints.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from ..features.text_cleaning import no_formula

Kind = Literal["text", "integer", "number", "level", "interval", "gain", "p", "amount", "percent"]
TRIPLES = ("level", "interval", "gain")
LATEX_SPECIAL = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "−": "$-$", "·": r"\textperiodcentered{}", "\n": " "}
)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    heading : str
    kind : str
        What its cells hold. ``level``, ``interval`` and ``gain`` hold (mean, low, high): a level shows its mean only, a gain
        shows its sign. ``p`` holds a p value, ``percent`` a share, ``amount`` a number of seconds or the like.
    """

    heading: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Row:
    """A row of a table; rows of one ``group`` stand together below its name."""

    cells: tuple[Any, ...]
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes
    ----------
    name : str
        Of the files it can be saved as.
    caption : str
    columns : tuple of Column
    rows : tuple of Row
        A cell that is None stays empty.
    stamps : tuple of str
        Words that go with every number, in every form of the table.
    folded : bool
        Whether the page shows it only on demand.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    stamps: tuple[str, ...] = ()
    folded: bool = False

    def sections(self) -> list[tuple[str, list[list[tuple[str, str]]]]]:
        """Return the groups of rows: name, and for each row the cells as (what is shown, what is shown smaller)."""
        return [
            (name, [[typeset(cell, column.kind) for cell, column in self._pairs(row)] for row in rows])
            for name, rows in groupby(self.rows, key=lambda row: row.group)
        ]

    def csv(self) -> str:
        """Return the table as CSV: every number at full precision, intervals as three columns, stamps as a last one."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        with_groups = any(row.group for row in self.rows)
        heading = ["group"] if with_groups else []
        for column in self.columns:
            heading.append(no_formula(column.heading))
            heading += [f"{no_formula(column.heading)} {end}" for end in ("low", "high") if column.kind in TRIPLES]
        writer.writerow([*heading, *(["stamps"] if self.stamps else [])])
        for row in self.rows:
            cells: list[Any] = [no_formula(row.group)] if with_groups else []
            for cell, column in self._pairs(row):
                if column.kind in TRIPLES:
                    cells += ["", "", ""] if cell is None else [_exact(value) for value in cell]
                else:
                    cells.append(_exact(cell))
            writer.writerow([*cells, *([", ".join(self.stamps)] if self.stamps else [])])
        return out.getvalue()

    def latex(self, prefix: str = "") -> str:
        """Return the table as a LaTeX float that needs the package booktabs; ``prefix`` tells labels of several runs apart."""
        aligned = "".join("l" if column.kind == "text" else "r" for column in self.columns)
        lines = [r"\begin{table}", r"\centering\small", rf"\caption{{{latex(self.stamped_caption)}}}"]
        lines += [rf"\label{{tab:{prefix}{self.name}}}", rf"\begin{{tabular}}{{{aligned}}}", r"\toprule"]
        lines += [" & ".join(latex(column.heading) for column in self.columns) + r" \\"]
        for name, rows in self.sections():
            lines.append(r"\midrule")
            if name:
                lines.append(rf"\multicolumn{{{len(self.columns)}}}{{l}}{{\emph{{{latex(name)}}}}} \\")
            lines += [" & ".join(latex(" ".join(filter(None, cell))) for cell in cells) + r" \\" for cells in rows]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [[column.heading for column in self.columns]]
        lines.append(["---" if column.kind == "text" else "---:" for column in self.columns])
        for name, rows in self.sections():
            if name:
                lines.append([f"*{_markdown(name)}*", *[""] * (len(self.columns) - 1)])
            lines += [[_markdown(" ".join(filter(None, cell))) for cell in cells] for cells in rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    @property
    def stamped_caption(self) -> str:
        """The caption as a sentence, with the stamps behind it."""
        return stamped(self.caption[:1].upper() + self.caption[1:], self.stamps)

    def _pairs(self, row: Row) -> list[tuple[Any, Column]]:
        return list(zip(row.cells, self.columns, strict=True))


@dataclass(frozen=True)
class Figure:
    """A figure of a report: SVG that stands in the page and can be saved as a file of its own."""

    name: str
    caption: str
    svg: str = field(repr=False)
    stamps: tuple[str, ...] = ()

    def _repr_svg_(self) -> str:
        """Return what a notebook draws."""
        return self.svg

    @property
    def stamped_caption(self) -> str:
        """The caption as a sentence, with the stamps behind it."""
        return stamped(self.caption[:1].upper() + self.caption[1:], self.stamps)

    @property
    def width(self) -> float:
        """Width of the drawing in pixels."""
        found = re.search(r'width="([\d.]+)"', self.svg)
        return float(found[1]) if found else 0.0


@dataclass(frozen=True)
class Section:
    """A section of a report: a heading, sentences, and figures and tables in the order they are read."""

    name: str
    title: str
    parts: tuple[Figure | Table, ...] = ()
    texts: tuple[str, ...] = ()

    def blocks(self) -> list[tuple[Figure | Table, ...]]:
        """Return the parts with figures that follow each other together: a wide page sets them side by side."""
        found: list[tuple[Figure | Table, ...]] = []
        for part in self.parts:
            if found and isinstance(part, Figure) and isinstance(found[-1][0], Figure):
                found[-1] += (part,)
            else:
                found.append((part,))
        return found


def stamped(caption: str, stamps: tuple[str, ...]) -> str:
    """Return a caption with the stamps behind it."""
    return f"{caption} ({', '.join(stamps)})" if stamps else caption


def typeset(value: Any, kind: Kind) -> tuple[str, str]:
    """Return a cell as it is printed: the main text and what stands smaller behind it (an interval).

    >>> typeset((0.8031, 0.78, 0.82), "interval")
    ('.803', '[.78, .82]')
    >>> typeset((-0.0131, -0.03, 0.004), "gain")
    ('−.013', '[−.030, +.004]')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "", ""
    if kind in TRIPLES:
        mean, low, high = value
        if kind == "level":
            return minus(number(mean)), ""
        if kind == "gain":
            return signed(mean), f"[{signed(low)}, {signed(high)}]"
        return minus(number(mean)), interval(low, high)
    writers = {
        "integer": lambda: f"{value:d}",
        "number": lambda: minus(number(value)),
        "p": lambda: p_value(value),
        "amount": lambda: f"{value:.2f}",
        "percent": lambda: f"{100 * value:.0f} %",
    }
    return (writers[kind]() if kind in writers else str(value)), ""


def number(value: float, digits: int = 3) -> str:
    """Write a metric with three digits and no leading zero, as the field's tables do."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text


def interval(low: float, high: float) -> str:
    """Write the ends of an interval of a metric: two digits are what a 95 % interval can bear."""
    return minus(f"[{number(low, 2)}, {number(high, 2)}]")


def signed(value: float) -> str:
    """Write a difference of two metrics with its sign."""
    text = number(value)
    return minus(text if text.startswith("-") or float(text) == 0 else f"+{text}")


def p_value(value: float) -> str:
    """Write a p value as the field's journals do."""
    return "<.001" if value < 0.001 else number(value)


def minus(text: str) -> str:
    """Write minus signs as such: a hyphen is shorter than a plus."""
    return text.replace("-", "−")


def latex(text: str) -> str:
    """Escape a text for LaTeX."""
    return str(text).translate(LATEX_SPECIAL)


def _markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _exact(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return no_formula(value)
    return value if isinstance(value, int) else float(f"{float(value):.6g}")
