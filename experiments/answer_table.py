"""A row a clip: what each model, modality and fusion answered, for people who read tables and not Parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..features.text_cleaning import no_formula
from .run import Run


def answer_table(run: Run, X: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a row a clip: its label, then for every row of the results what it answered and how sure it was of that.

    Parameters
    ----------
    run : Run
        That tests every sample once.
    X : pandas.DataFrame, optional
        The block table: a row of the results that has none of its blocks in a clip has no answer there, only a prior.
    """
    answers = run.predictions
    classes = run.results["corpus"]["classes"]
    index = pd.Index(run.samples.index, name="sample")
    table = pd.DataFrame({"true_label": run.samples["label"]}, index=index)
    for key, rows in answers.groupby(["strategy", "blocks", "classifier"], sort=False):
        strategy, blocks, classifier = map(str, key)
        shares = rows.set_index("sample")[classes].reindex(index)
        answered = (
            pd.Series(True, index=index) if X is None or not blocks else _there(X, blocks.split("+")).set_axis(index)
        )
        name = f"{strategy}[{blocks}]" if blocks else strategy
        name += "" if classifier in ("given", "none") else f":{classifier}"
        table[f"{name}_label"] = shares.idxmax(axis=1).where(answered)
        table[f"{name}_probability"] = shares.max(axis=1).astype(float).round(4).where(answered)
    return table


def write_answers(run: Run, folder: Path, X: pd.DataFrame | None = None) -> None:
    """Write ``answers.csv`` into the folder of a run; no cell of it is a formula to a spreadsheet."""
    answer_table(run, X).reset_index().map(no_formula).to_csv(folder / "answers.csv", index=False)


def _there(X: pd.DataFrame, blocks: list[str]) -> pd.Series:
    """Return which samples have any of some blocks."""
    return X.loc[:, X.columns.get_level_values(0).isin(blocks)].notna().any(axis=1)
