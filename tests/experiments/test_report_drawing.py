"""Drawings of a report: well-formed SVG that stands alone, whatever is written into it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from emofuse.experiments.ranks import compare_ranks
from emofuse.experiments.report_charts import Dot, DotRow, Line, dot_chart, line_chart
from emofuse.experiments.report_drawing import (
    COLOURS,
    N_SERIES,
    Drawing,
    clipped,
    spread,
    text_width,
    tick_label,
    ticks,
)
from emofuse.experiments.report_plots import matrix_chart, rank_chart, reliability_chart, strip_chart
from hypothesis import given
from hypothesis import strategies as st

HOSTILE = "<b>&\"'_%$\x00\x0b"
SVG = "{http://www.w3.org/2000/svg}"


def parsed(text):
    """The root of a drawing, after what every drawing must be was checked."""
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    x, y, width, height = map(float, root.get("viewBox").split())
    assert (x, y, width, height) == (0, 0, float(root.get("width")), float(root.get("height")))
    assert root.get("aria-label")
    assert not re.search(r"href|url\(|<style|<script|<image", text)
    for node in root.iter():
        for name in ("x", "cx", "x1", "x2"):
            assert -1 <= float(node.get(name, 0)) <= width + 1
        for name in ("y", "cy", "y1", "y2"):
            assert -1 <= float(node.get(name, 0)) <= height + 1
        painted = node.get("fill", "none") != "none" or node.get("stroke")
        assert painted or node.tag in (f"{SVG}svg", f"{SVG}title")
    return root


def words(root):
    return [node.text for node in root.iter(f"{SVG}text")]


def test_a_drawing_stands_alone():
    drawing = Drawing(200, 100, HOSTILE)
    drawing.line(0, 0, 10, 10, dash="4 3")
    drawing.polyline([(0, 0), (5, 5.55)], colour="s1")
    drawing.area([(0, 0), (5, 5), (5, 0)], colour="s1", opacity=0.2)
    drawing.rectangle(1, 1, 5, 5, colour="s0", opacity=0.5, title=HOSTILE)
    drawing.text(3, 3, HOSTILE, bold=True, turned=-45)
    for series in range(2 * N_SERIES):
        drawing.mark(20, 20, series, hollow=series % 2 == 0)
    assert drawing.key(5, 70, ["a", "b"], dashes=True, room=20) == 36
    root = parsed(drawing.svg())
    assert root.get("aria-label") == "<b>&\"'_%$\ufffd\ufffd"
    assert "<b>&\"'_%$\ufffd\ufffd" in words(root)
    used = {node.get("fill") for node in root.iter()} | {node.get("stroke") for node in root.iter()}
    assert used - {None, "none"} <= set(COLOURS.values())


def test_series_differ_by_shape_and_not_by_colour_alone():
    marks = []
    for series in range(5):
        drawing = Drawing(10, 10, "mark")
        drawing.mark(5, 5, series)
        node = parsed(drawing.svg())[1]
        marks.append((node.tag, node.get("points"), node.get("r")))
    assert len(set(marks)) == 5


@given(st.floats(-5, 5), st.floats(0.001, 10))
def test_ticks_are_round_and_inside(low, span):
    found = ticks(low, low + span)
    assert all(low - 1e-6 <= tick <= low + span + 1e-6 for tick in found)
    assert 2 <= len(found) <= 12
    assert len({tick_label(tick, found) for tick in found}) == len(found)


@given(st.lists(st.floats(0, 100), max_size=8))
def test_labels_are_moved_apart(wanted):
    placed = spread(wanted, 12, 0, 100)
    order = np.argsort(wanted, kind="stable")
    assert all(b - a >= 12 - 1e-6 for a, b in zip(np.array(placed)[order], np.array(placed)[order][1:], strict=False))


@pytest.mark.parametrize(("value", "text"), [(0.05, ".05"), (-0.05, "−.05"), (0.0, "0"), (1.0, "1.00")])
def test_tick_labels_have_no_leading_zero(value, text):
    assert tick_label(value, [-0.05, 0.0, 0.05]) == text


def test_long_names_are_clipped():
    assert clipped("x" * 200) == "x" * 45 + "…"
    assert text_width("WWW") > text_width("iii") > 0


def test_a_forest_plot_shows_each_interval_where_it_is():
    rows = [
        DotRow("selected", (Dot(0.1, 0.05, 0.15, 1),), ("+.100", "[…]"), "Primary"),
        DotRow(HOSTILE * 20, (Dot(-0.1, -0.2, 0.0),), ("−.100", "[…]"), "Exploratory"),
    ]
    root = parsed(
        dot_chart(
            rows,
            label="gains",
            axis="difference",
            columns=("difference", "95 %"),
            references=((0.0, "no difference"),),
            directions=("worse", "better"),
            stamps=("leaky",),
        )
    )
    assert {"selected", "+.100", "Primary", "Exploratory", "no difference", "worse", "better", "leaky"} <= set(
        words(root)
    )
    circle = next(iter(root.iter(f"{SVG}circle")))
    zero = next(float(n.get("x")) for n in root.iter(f"{SVG}text") if n.text == "no difference")
    assert float(circle.get("cx")) < zero


def test_bars_start_at_zero():
    root = parsed(
        dot_chart([DotRow("audio", (Dot(0.3),)), DotRow("face", (Dot(-0.1),))], label="l", axis="a", bars=True)
    )
    bars = [node for node in root.iter(f"{SVG}rect") if node.get("class") == "f-s0"]
    zero = next(float(node.get("x")) for node in root.iter(f"{SVG}text") if node.text == "0")
    assert float(bars[0].get("x")) == pytest.approx(zero, abs=0.2)
    assert float(bars[1].get("x")) + float(bars[1].get("width")) == pytest.approx(zero, abs=0.2)


def test_lines_are_named_where_they_end():
    lines = [
        Line("selected", ((0, 0.9), (1, 0.5)), 0, ((0.8, 1.0), (0.4, 0.6))),
        Line(HOSTILE, ((0, 0.8), (1, 0.5)), 1),
    ]
    text = line_chart(
        lines,
        label="l",
        x_axis="level",
        y_axis="UAR",
        x_ticks=[(0, "as is"), (1, "0 dB")],
        references=((0.2, "chance"),),
    )
    root = parsed(text)
    assert {"selected", "chance", "as is", "0 dB", "UAR", "level"} <= set(words(root))
    heights = [
        float(node.get("y")) for node in root.iter(f"{SVG}text") if node.text in ("selected", "<b>&\"'_%$\ufffd\ufffd")
    ]
    assert abs(heights[0] - heights[1]) > 12


@pytest.mark.parametrize("count", [2, 7, 28])
def test_a_confusion_matrix_shows_every_share(count):
    names = [f"a class named {number}" for number in range(count)]
    shares = np.eye(count) * 0.75 + 0.25 / count
    root = parsed(matrix_chart(names, shares.tolist(), label="l", title=HOSTILE, stamps=("adaptive",)))
    assert words(root).count(f"{100 * shares[0, 0]:.0f}") >= count
    titles = [node.text for node in root.iter(f"{SVG}title")]
    assert len(titles) == count**2


def test_a_strip_marks_and_names_the_worst():
    random = np.random.default_rng(0)
    values = random.uniform(0.3, 0.9, 200)
    values[5] = np.nan
    worst = np.argsort(np.nan_to_num(values, nan=1.0))[:20].tolist()
    names = [f"speaker{number}" for number in range(200)]
    text = strip_chart(names, [("selected", values), ("audio alone", values[::-1])], worst, label="l", axis="UAR")
    root = parsed(text)
    named = [word for word in words(root) if word and word.startswith("speaker")]
    assert named == [names[number] for number in worst[:8]]
    titles = [node.text for node in root.iter(f"{SVG}title")]
    assert len(titles) == 2 * 199
    assert f"{names[worst[0]]}: {values[worst[0]]:.3f}" in titles
    assert len(text) < 80_000


def test_reliability_leaves_empty_bins_out():
    counts = np.array([0, 4, 0, 16])
    means = np.array([np.nan, 0.4, np.nan, 0.9])
    root = parsed(reliability_chart([("selected", means, means, counts)], label="l", stamps=("leaky",)))
    marks = [node for node in root.iter(f"{SVG}circle") if len(node)]
    assert [node[0].text for node in marks] == ["4 answers, 0.40 right", "16 answers, 0.90 right"]
    assert float(marks[1].get("r")) > float(marks[0].get("r"))


@pytest.mark.parametrize("n_runs", [2, 12])
def test_ranks_are_drawn_best_first(n_runs):
    runs = {str(run): {"late": 0.7 + run / 100, "early": 0.6 + run / 100, HOSTILE: 0.5} for run in range(n_runs)}
    compared = compare_ranks(runs)
    root = parsed(rank_chart(compared, label="l"))
    shown = [word for word in words(root) if word and re.search(r"  \d\.\d\d$", word)]
    assert shown[0] == "late  1.00"
    assert len(shown) == 3
    bars = [node for node in root.iter(f"{SVG}line") if node.get("stroke-width") == "4"]
    assert len(bars) == len(compared.groups)
    assert any("wider than the axis" in word for word in words(root)) == (compared.critical_difference > 2)
