"""An SVG under construction: lines, marks and words that are legible alone, on white, and in a page of any colour scheme.

Every colour stands twice: as an attribute, so that a saved file needs no style sheet, and as a class, by which the page
repaints the same drawing for a dark screen. Series differ by colour and by shape (and lines by their dashes), so that
neither colour vision nor a colour printer is needed.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

# Okabe and Ito's palette (jfly.uni-koeln.de/color), which stays distinct under every common kind of colour blindness.
COLOURS = {
    "paper": "#ffffff",
    "ink": "#1d2129",
    "soft": "#5d6673",
    "line": "#d9dce1",
    "alarm": "#b03a00",
    "s0": "#0072b2",
    "s1": "#d55e00",
    "s2": "#009e73",
    "s3": "#b0558a",
    "s4": "#b88000",
    "s5": "#6b7480",
}
N_SERIES = 6
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "12 4")
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "circle")
# Corners of each shape, and its reach beside a circle's, so that all look alike in size.
CORNERS: dict[str, tuple[float, tuple[tuple[float, float], ...]]] = {
    "square": (0.9, ((-1, -1), (1, -1), (1, 1), (-1, 1))),
    "triangle": (1.2, ((0, -1), (0.95, 0.75), (-0.95, 0.75))),
    "diamond": (1.25, ((0, -1), (1, 0), (0, 1), (-1, 0))),
    "cross": (
        1.05,
        (
            *((-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35)),
            *((0.35, 1), (-0.35, 1), (-0.35, 0.35), (-1, 0.35), (-1, -0.35), (-0.35, -0.35)),
        ),
    ),
}
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
TEXT, SMALL = 12.5, 11.0
MAX_LABEL = 46
MARGIN = 10.0
# Advance widths of Helvetica in ems, by kind of character.
NARROW, WIDE = frozenset("iljtfr.,:;'|!()[] /-"), frozenset("mwMW@%−+—")


class Drawing:
    """A drawing of a size in pixels; ``svg`` returns it."""

    def __init__(self, width: float, height: float, label: str) -> None:
        self.width, self.height, self.label = width, height, label
        self._parts: list[str] = []

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, colour: str = "ink", width: float = 1, dash: str = ""
    ) -> None:
        """Draw a straight line."""
        ends = "".join(f' {name}="{_short(v)}"' for name, v in (("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)))
        self._parts.append(f"<line{ends}{_paint(None, colour, width, dash)}/>")

    def polyline(
        self, points: Sequence[tuple[float, float]], *, colour: str, width: float = 1.8, dash: str = ""
    ) -> None:
        """Draw a line through points."""
        text = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
        self._parts.append(f'<polyline points="{text}"{_paint(None, colour, width, dash)} fill="none"/>')

    def area(self, points: Sequence[tuple[float, float]], *, colour: str, opacity: float) -> None:
        """Fill a polygon."""
        text = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
        self._parts.append(f'<polygon points="{text}"{_paint(colour)} fill-opacity="{opacity:g}"/>')

    def rectangle(
        self, x: float, y: float, width: float, height: float, *, colour: str, opacity: float = 1, title: str = ""
    ) -> None:
        """Fill a rectangle."""
        see = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
        box = f'x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"'
        self._parts.append(_titled(f"<rect {box}{_paint(colour)}{see}", "rect", title))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = TEXT,
        anchor: str = "start",
        colour: str = "ink",
        bold: bool = False,
        turned: float = 0,
    ) -> None:
        """Write words with their baseline at y; ``turned`` is in degrees, clockwise."""
        extra = "" if anchor == "start" else f' text-anchor="{anchor}"'
        extra += ' font-weight="600"' if bold else ""
        extra += f' transform="rotate({turned:g} {_short(x)} {_short(y)})"' if turned else ""
        place = f'x="{_short(x)}" y="{_short(y)}" font-size="{size:g}"'
        self._parts.append(f"<text {place}{extra}{_paint(colour)}>{escape(printable(words))}</text>")

    def mark(
        self, x: float, y: float, series: int, *, size: float = 4.5, hollow: bool = False, title: str = ""
    ) -> None:
        """Draw the mark of a series, of a radius in pixels."""
        colour, shape = f"s{series % N_SERIES}", SHAPES[series % N_SERIES]
        paint = _paint("paper", colour, 1.6) if hollow else _paint(colour)
        if shape == "circle":
            start = f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{_short(size)}"{paint}'
            self._parts.append(_titled(start, "circle", title))
            return
        reach, corners = CORNERS[shape]
        text = " ".join(f"{_short(x + size * reach * dx)},{_short(y + size * reach * dy)}" for dx, dy in corners)
        self._parts.append(_titled(f'<polygon points="{text}"{paint}', "polygon", title))

    def key(self, x: float, y: float, names: Sequence[str], *, dashes: bool = False, room: float = 0) -> float:
        """Write what each series is, from (x, y) on; return the height that took. ``room`` is where a line breaks."""
        left, top = x, y
        for number, name in enumerate(names):
            words = clipped(name)
            if left > x and room and left + 34 + text_width(words) > x + room:
                left, top = x, top + 18
            if dashes:
                self.line(left, top - 4, left + 22, top - 4, colour=f"s{number % N_SERIES}", width=1.8,
                          dash=DASHES[number % N_SERIES])  # fmt: skip
            self.mark(left + 11, top - 4, number)
            self.text(left + 28, top, words, size=TEXT)
            left += 28 + text_width(words) + 18
        return top - y + 18

    def svg(self) -> str:
        """Return the drawing as a document of its own that can stand inside a page as well."""
        size = f'viewBox="0 0 {_short(self.width)} {_short(self.height)}" width="{_short(self.width)}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} height="{_short(self.height)}" role="img"'
        paper = f'<rect class="sheet" width="{_short(self.width)}" height="{_short(self.height)}" fill="#ffffff"/>'
        label = quoteattr(printable(self.label))
        return f'{head} aria-label={label} font-family="{FONT}">\n{paper}\n' + "\n".join(self._parts) + "\n</svg>\n"


class Scale:
    """From values to pixels: ``low`` is at ``start``, ``high`` a ``length`` further."""

    def __init__(self, low: float, high: float, start: float, length: float) -> None:
        self.low, self.start, self.factor = low, start, length / ((high - low) or 1.0)

    def __call__(self, value: float) -> float:
        """Return where a value is drawn."""
        return self.start + (value - self.low) * self.factor


def stamp(drawing: Drawing, stamps: Sequence[str]) -> None:
    """Write the stamps of a run below a drawing, so that a saved file bears them too."""
    if stamps:
        drawing.text(MARGIN, drawing.height - 7, ", ".join(stamps), size=SMALL, colour="alarm", bold=True)


def text_width(words: str, size: float = TEXT) -> float:
    """Estimate how wide some words are, in pixels."""
    ems = sum(0.31 if c in NARROW else 0.82 if c in WIDE else 0.69 if c.isupper() else 0.55 for c in words)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in words)
    return size * (ems + 0.45 * wide)


def clipped(words: str, length: int = MAX_LABEL) -> str:
    """Shorten a name that would push everything else out of a figure."""
    return words if len(words) <= length else f"{words[: length - 1]}…"


def printable(words: str) -> str:
    """Return words without the characters that XML cannot hold."""
    return "".join(
        character if character.isprintable() or character == " " else "\ufffd" for character in str(words)
    )  # fmt: skip


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers (steps of 1, 2 or 5) that lie between two values, about as many as wanted.

    >>> ticks(0.48, 0.93)
    [0.5, 0.6, 0.7, 0.8, 0.9]
    """
    span = max(high - low, 1e-9)
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
    digits = max(0, -math.floor(math.log10(step)))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + number) * step, digits) + 0.0 for number in range(count)]


def tick_label(value: float, every: Sequence[float]) -> str:
    """Write one of several ticks with as many digits as the finest step of them needs."""
    steps = [abs(b - a) for a, b in pairwise(every)] or [abs(value) or 1.0]
    digits = max(0, -math.floor(math.log10(min(steps)) + 1e-9))
    text = f"{value:.{digits}f}".replace("-", "−")
    return text.replace("0.", ".", 1) if 0 < abs(value) < 1 else ("0" if value == 0 else text)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions apart so that neighbours keep a gap, within limits, each as near as can be to where it was wanted."""
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    gap = min(gap, (high - low) / max(1, len(wanted) - 1)) if len(wanted) > 1 else gap
    placed = [0.0] * len(wanted)
    previous = low - gap
    for number in order:
        placed[number] = previous = max(wanted[number], previous + gap)
    following = high + gap
    for number in reversed(order):
        placed[number] = following = min(placed[number], following - gap)
    return placed


def _paint(fill: str | None, stroke: str | None = None, width: float = 1, dash: str = "") -> str:
    classes = [f"f-{fill}"] if fill else []
    colours = f' fill="{COLOURS[fill]}"' if fill else ""
    if stroke:
        classes.append(f"k-{stroke}")
        colours += f' stroke="{COLOURS[stroke]}" stroke-width="{width:g}"' + (
            f' stroke-dasharray="{dash}"' if dash else ""
        )
    return f' class="{" ".join(classes)}"{colours}'


def _titled(start: str, tag: str, title: str) -> str:
    return f"{start}><title>{escape(printable(title))}</title></{tag}>" if title else f"{start}/>"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
