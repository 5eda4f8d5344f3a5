"""The page on the systems that are replaced: its studies can be loaded, and its commands are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer
from emofuse import cli
from emofuse.experiments.study import load_study, parse_study, shipped_studies

PAGE = (Path(__file__).parents[2] / "experiments" / "SYSTEMS.md").read_text(encoding="utf-8")
BLOCKS = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)]
NAMES = {block["name"] for block in BLOCKS}


@pytest.mark.parametrize("values", BLOCKS, ids=lambda values: values["name"])
def test_every_study_of_the_page_can_be_loaded(values):
    assert parse_study(values, source="page").name == values["name"]


def test_iemocap_in_small_can_be_had_from_the_shipped_study():
    changed = load_study("iemocap").changed(
        classifiers=["linear"], strategies=["unimodal", "late_mean", "stacking", "stacking_gated", "selected"]
    )
    assert changed.classifiers == ("linear",)


def test_every_study_that_is_named_is_on_the_page_or_shipped():
    named = set(re.findall(r"([a-z0-9_]+)\.toml", PAGE)) - {"iemocap_small"}
    assert named == NAMES
    for name in re.findall(r"`emofuse (?:run|train|audit) ([a-z0-9_]+)[ `]", PAGE):
        assert name in shipped_studies()


def test_every_command_of_the_page_is_there():
    verbs = set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"emofuse ([a-z]+) ", PAGE))
    assert {"run", "train", "evaluate", "predict", "serve", "audit", "show", "report"} <= named
    assert named <= verbs | {"replaces"}


def test_every_system_has_its_table_and_every_row_its_four_cells():
    assert re.findall(r"^## (S\d)", PAGE, flags=re.MULTILINE) == ["S0", "S1", "S2", "S3", "S4"]
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) > 50
    assert {len(re.split(r"(?<!\\) \| ", line.strip("| "))) for line in rows} == {4}
