"""The charts of an exploration: well-formed, within their paper, and drawn from odd numbers too."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from emofuse.experiments.explore_charts import cloud_chart, heat_chart, histogram_chart, ridge_chart

SVG = "{http://www.w3.org/2000/svg}"


def inside(svg):
    """The elements of a drawing, all of whose words and rectangles lie on its paper."""
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    for item in root.iter():
        x, y = (float(item.get(name) or 0) for name in ("x", "y"))
        assert -1 <= x <= width and -1 <= y <= height, ElementTree.tostring(item)
    assert "nan" not in svg and "inf" not in svg.replace("info", "")
    return list(root.iter())


def texts(svg):
    return [item.text for item in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_heat_chart_says_every_count_and_its_axes():
    svg = heat_chart(
        ["s1", "s<2>"], ["happy", "sad"], [[3, 0], [12, None]], label="counts", axes=("speakers", "classes")
    )
    inside(svg)
    assert {"3", "0", "12", "s<2>", "rows: speakers · columns: classes"} <= set(texts(svg))
    signed = heat_chart(["f"], ["a", "b"], [[-0.5, 1.25]], label="means", signed=True)
    assert {"−0.50", "+1.25"} <= set(texts(signed)) and 'class="f-s1"' in signed


@pytest.mark.parametrize("length", [3, 60])
def test_heat_chart_has_room_for_its_names(length):
    inside(heat_chart(["x" * length] * 2, ["y" * length] * 9, [[1] * 9] * 2, label="wide", stamps=("leaky",)))


@pytest.mark.parametrize(
    "parts",
    [
        [np.random.default_rng(0).normal(size=50), np.random.default_rng(1).normal(5, 1, 3000)],
        [np.zeros(30), np.zeros(1)],
        [np.array([1.0, 1.0, 1.0, 9.0]), np.array([])],
        [np.array([1e-9, 2e-9, 3e-9]), np.array([1e12, 2e12])],
    ],
)
def test_ridges_are_drawn_of_any_values(parts):
    svg = ridge_chart(
        [("a", parts[0]), ("b", parts[1])], label="by class", title="a feature", axis="Hz", stamps=("leaky",)
    )
    inside(svg)
    assert {"a", "b", "a feature", "Hz", "leaky"} <= set(texts(svg))


@pytest.mark.parametrize("powers", [False, True])
def test_histogram_holds_all_values(powers):
    values = np.array([1.0, 1, 2, 3, 50, 1500])
    svg = histogram_chart(values, label="sizes", axis="samples", things="speakers", powers=powers)
    inside(svg)
    assert sum(int(found) for found in re.findall(r"<title>[^<]*: (\d+)</title>", svg)) == 6
    assert not powers or "1000" in texts(svg)


def test_cloud_draws_every_point_and_names_every_series():
    points = np.random.default_rng(0).normal(size=(90, 2))
    names = [f"class {number}" for number in range(9)]
    svg = cloud_chart(
        points, [*range(9)] * 9 + [-1] * 9, names, label="cloud", title="by class", axes=("one", "two"), rest="others"
    )
    inside(svg)
    marks = sum(item.get("d").count("M") for item in ElementTree.fromstring(svg).iter(f"{SVG}path"))
    assert marks == 90 + 10  # and those of the key
    assert {*names, "others", "one", "two"} <= set(texts(svg))
    inside(cloud_chart(np.zeros((4, 2)), [0, 0, 1, 1], ["a", "b"], label="one place", title="t", axes=("x", "y")))


def test_names_in_a_cloud_do_not_cover_each_other():
    names = [f"name {number}" for number in range(40)]
    points = (
        np.repeat(np.random.default_rng(0).normal(size=(40, 2)) * 1e-3, 3, axis=0) + [[1, 1], [-1, -1], [0, 0]] * 40
    )
    svg = cloud_chart(points, np.repeat(np.arange(40), 3), names, label="crowd", title="t", axes=("x", "y"))
    inside(svg)
    boxes = [
        [float(item.get(name)) for name in ("x", "y", "width", "height")]
        for item in ElementTree.fromstring(svg).iter(f"{SVG}rect")
        if item.get("fill-opacity") == "0.80"
    ]
    assert 10 < len(boxes) < 40
    for number, (x, y, wide, tall) in enumerate(boxes):
        assert all(
            x + wide <= a + 0.2 or a + b <= x + 0.2 or y + tall <= c + 0.2 or c + d <= y + 0.2
            for a, c, b, d in boxes[:number]
        )
