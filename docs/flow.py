"""The picture of the flow, from samples to a verdict and a model: SVG that stands alone, and takes the colours of the page."""

from __future__ import annotations

from collections.abc import Sequence

from emofuse.experiments.report_drawing import COLOURS, FONT

MODALITIES = (("sound", 7), ("face", 5), ("text", 6), ("EEG", 4), ("physiology", 3))
WIDTH, HEIGHT = 1000, 384
ROW, TOP, CELL = 50, 84, 13
ABSENT = (
    1,
    3,
    4,
)  # of the drawn rows of each block, one that is not there: (row in face, row in EEG, row in physiology)


def flow() -> str:
    """Return the picture as a document of its own."""
    middles = [TOP + ROW * number + 18 for number in range(len(MODALITIES))]
    last = middles[-1]
    parts = [
        '<rect class="sheet" width="1000" height="384" fill="#ffffff"/>',
        _text(75, 34, "Samples", bold=True),
        _text(75, 52, "one row a clip", small=True),
        _text(262, 34, "Block table", bold=True),
        _text(262, 52, "features, measured once", small=True),
        _text(545, 34, "In every fold", bold=True),
        _text(545, 52, "fitted on training speakers only", small=True),
        _text(866, 34, "Verdict", bold=True),
        _text(866, 52, "speakers never heard", small=True),
        f'<rect x="372" y="64" width="346" height="{last - 16}" rx="10" fill="none" class="k-soft" stroke="{COLOURS["soft"]}" '
        'stroke-width="1.2" stroke-dasharray="6 4"/>',
    ]
    for number, ((name, columns), middle) in enumerate(zip(MODALITIES, middles, strict=True)):
        colour = f"s{number}"
        parts += [
            _box(15, middle - 16, 120, 32, name, colour=colour),
            _arrow([(137, middle), (196, middle)]),
            *_block(206, middle, columns, colour, absent=number if number in ABSENT else None),
            _arrow([(206 + columns * CELL + 6, middle), (386, middle)]),
            _box(388, middle - 14, 74, 28, "expert", colour=colour),
            _arrow([(464, middle), (482, middle), (512, 112 + number * 20)], head=False),
            f'<circle cx="352" cy="{middle}" r="2.5" class="f-soft" fill="{COLOURS["soft"]}"/>',
        ]
    parts += [
        _text(167, middles[0] - 7, "extract", small=True),
        _box(514, 88, 176, 118, ""),
        _text(602, 114, "Late", bold=True),
        _text(602, 136, "product, mean, vote,"),
        _text(602, 155, "weights, stacking"),
        _text(602, 187, "learns out of fold, by group", small=True),
        _box(514, 262, 176, 64, ""),
        _text(602, 288, "Early", bold=True),
        _text(602, 310, "blocks side by side", small=True),
        _arrow([(352, middles[0]), (352, last + 36), (500, last + 36), (500, 300), (512, 300)]),
        _text(426, last + 31, "all blocks", small=True),
        _arrow([(602, 262), (602, 208)]),
        _text(612, 240, "hybrid", small=True, anchor="start"),
        _arrow([(718, 152), (774, 152)]),
        _text(746, 143, "test", small=True),
        *_forest(776, 88),
        _arrow([(866, 218), (866, 260)]),
        _text(876, 243, "then fitted on all", small=True, anchor="start"),
        _box(776, 262, 180, 54, ""),
        _text(866, 285, "Model file", bold=True),
        _text(866, 304, "predict, serve, drift", small=True),
        _text(262, last + 62, "an absent modality is a gap, not a guess", small=True),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="{FONT}"'
    label = "From samples over blocks and experts to early, late and hybrid fusion, the verdict and the model file"
    marker = (
        '<defs><marker id="flow-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0.8 L8 4 L0 7.2 z" class="f-soft" fill="{COLOURS["soft"]}"/></marker></defs>'
    )
    return f'{head} aria-label="{label}">\n{marker}\n' + "\n".join(parts) + "\n</svg>\n"


def _text(x: float, y: float, words: str, *, bold: bool = False, small: bool = False, anchor: str = "middle") -> str:
    size, colour = (12, "soft") if small else (15 if bold else 13.5, "ink")
    weight = ' font-weight="600"' if bold else ""
    fill = f'class="f-{colour}" fill="{COLOURS[colour]}"'
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"{weight} {fill}>{words}</text>'


def _box(x: float, y: float, width: float, height: float, words: str, *, colour: str = "ink") -> str:
    stroke = f'class="f-paper k-{colour}" fill="{COLOURS["paper"]}" stroke="{COLOURS[colour]}" stroke-width="1.5"'
    frame = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" {stroke}/>'
    return frame + (_text(x + width / 2, y + height / 2 + 5, words) if words else "")


def _arrow(points: Sequence[tuple[float, float]], *, head: bool = True) -> str:
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    end = ' marker-end="url(#flow-head)"' if head else ""
    return f'<polyline points="{line}" fill="none" class="k-soft" stroke="{COLOURS["soft"]}" stroke-width="1.4"{end}/>'


def _block(x: float, middle: float, columns: int, colour: str, *, absent: int | None) -> list[str]:
    """Draw three rows of a block, of which one may be absent."""
    parts = []
    for row in range(3):
        for column in range(columns):
            gap = absent is not None and row == absent % 3
            shade = 0.0 if gap else 0.35 + 0.13 * ((row * 5 + column * 7) % 5)
            stroke = (
                f'class="f-{colour} k-{colour}" fill="{COLOURS[colour]}" stroke="{COLOURS[colour]}" stroke-width="0.8"'
            )
            dash = ' stroke-dasharray="2 2"' if gap else ""
            place = f'x="{x + column * CELL:g}" y="{middle - 18 + row * 12:g}" width="{CELL - 2}" height="10"'
            parts.append(f'<rect {place} {stroke} fill-opacity="{shade:.2f}"{dash}/>')
    return parts


def _forest(x: float, y: float) -> list[str]:
    """Draw a small forest plot: what a verdict is made of; its dots are no measured values."""
    rows = (
        ("one modality", 0.30, 0.12, "s5"),
        ("shuffled", 0.33, 0.12, "s5"),
        ("early", 0.62, 0.11, "s0"),
        ("late", 0.68, 0.10, "s0"),
        ("selected", 0.70, 0.09, "s1"),
    )
    parts = [_box(x, y, 180, 128, "")]
    for number, (name, mean, half, colour) in enumerate(rows):
        middle, left, wide = y + 18 + number * 19, x + 92, 84
        stroke = f'class="k-{colour}" stroke="{COLOURS[colour]}" stroke-width="2"'
        low, high = left + wide * (mean - half), left + wide * (mean + half)
        parts += [
            _text(left - 8, middle + 4, name, small=True, anchor="end"),
            f'<line x1="{low:g}" y1="{middle}" x2="{high:g}" y2="{middle}" {stroke}/>',
            f'<circle cx="{left + wide * mean:g}" cy="{middle}" r="4" class="f-{colour}" fill="{COLOURS[colour]}"/>',
        ]
    return [*parts, _text(x + 90, y + 119, "UAR, intervals, Holm", small=True)]
