"""The moments of a stream in a row: a table, a file, the share of each emotion, and a figure."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..features.errors import EmofuseError
from ..features.files import staged
from .moment import Moment

if TYPE_CHECKING:
    import pandas as pd

TABLES = (".parquet", ".csv", ".json")
PICTURES = (".png", ".svg", ".pdf")


class TimelineError(EmofuseError):
    """A timeline cannot be written where, or in the format, that was asked for."""


class Timeline:
    """The moments of a stream, in order, without the landmarks of their faces.

    Parameters
    ----------
    moments : iterable of Moment, default=()
        A stream may be given as it is: ``Timeline(model.stream(path))`` reads it to its end.

    Attributes
    ----------
    moments : list of Moment
    """

    def __init__(self, moments: Iterable[Moment] = ()) -> None:
        self.moments: list[Moment] = []
        for moment in moments:
            self.append(moment)

    def __len__(self) -> int:
        """Return the number of moments."""
        return len(self.moments)

    def __iter__(self) -> Iterator[Moment]:
        """Iterate over the moments."""
        return iter(self.moments)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the answers, in the order of the model's; empty where nothing was answered."""
        return next((tuple(moment.probabilities) for moment in self.moments if moment.probabilities), ())

    def append(self, moment: Moment) -> None:
        """Take one more moment in."""
        faces = tuple(replace(face, landmarks=None) for face in moment.faces)
        self.moments.append(replace(moment, faces=faces))

    def spans(self) -> list[tuple[float, float]]:
        """Return the seconds that each moment stands for: from the end of the one before to its own."""
        spans: list[tuple[float, float]] = []
        for moment in self.moments:
            before_s = spans[-1][1] if spans else moment.start_s
            spans.append((min(max(moment.start_s, before_s), moment.end_s), moment.end_s))
        return spans

    def shares(self) -> dict[str, float]:
        """Return the share of the answered time for which each class was the smoothed label."""
        seconds = dict.fromkeys(self.classes, 0.0)
        for moment, (begin_s, end_s) in zip(self.moments, self.spans(), strict=True):
            if moment.smoothed_label is not None:
                seconds[moment.smoothed_label] += end_s - begin_s
        total_s = sum(seconds.values())
        return {name: value / total_s if total_s else 0.0 for name, value in seconds.items()}

    def most_frequent(self) -> str | None:
        """Return the class with the largest share; None where nothing was answered."""
        shares = self.shares()
        return max(shares, key=lambda name: shares[name]) if any(shares.values()) else None

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each moment.

        Returns
        -------
        DataFrame
            ``start_s``, ``end_s``, ``label``, ``smoothed_label``, ``probability_<class>``, ``smoothed_<class>``,
            ``<modality>_label``, ``<modality>_<class>``, ``faces`` (how many), ``face`` (the number of the leading one),
            its ``blinks`` and ``blinks_per_minute``, and ``warnings``, joined by semicolons.
        """
        import pandas as pd

        modalities = list(dict.fromkeys(name for moment in self.moments for name in moment.modalities))
        columns = ["start_s", "end_s", "label", "smoothed_label"]
        columns += [f"{kind}_{name}" for kind in ("probability", "smoothed") for name in self.classes]
        columns += [f"{source}_{name}" for source in modalities for name in ("label", *self.classes)]
        columns += ["faces", "face", "blinks", "blinks_per_minute", "warnings"]
        table = pd.DataFrame([_row(moment) for moment in self.moments], columns=columns)
        texts = [name for name in columns if name.endswith("label") or name == "warnings"]
        counts = ["faces", "face", "blinks"]
        kinds = {name: "string" if name in texts else "Int64" if name in counts else "float64" for name in columns}
        return table.astype(kinds)

    def as_dict(self) -> dict[str, Any]:
        """Return the timeline as JSON holds it."""
        return {
            "schema": 1,
            "classes": list(self.classes),
            "shares": self.shares(),
            "most_frequent": self.most_frequent(),
            "moments": [moment.as_dict() for moment in self.moments],
        }

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the timeline whole or not at all: ``.parquet`` and ``.csv`` hold the table, ``.json`` everything.

        Raises
        ------
        TimelineError
            Another suffix, or the file cannot be written.
        """
        target = Path(path)
        parquet, csv, json_file = TABLES
        writers: dict[str, Callable[[Path], object]] = {
            parquet: lambda staged: self.to_frame().to_parquet(staged, index=False),
            csv: lambda staged: self.to_frame().to_csv(staged, index=False),
            json_file: lambda staged: staged.write_text(json.dumps(self.as_dict(), indent=1), encoding="utf-8"),
        }
        write_staged(target, writers)

    def draw(self, path: str | os.PathLike[str]) -> None:
        """Draw the timeline as a figure, ``.png``, ``.svg`` or ``.pdf``, whole or not at all.

        From the top: the smoothed probabilities stacked, the smoothed label, each modality's own label, and for each
        face when it was seen and when it blinked.

        Raises
        ------
        TimelineError
            Nothing was answered, another suffix, or the file cannot be written.
        """
        from .timeline_figure import timeline_figure

        if not self.classes:
            raise TimelineError("a timeline with an answer is needed for a figure, this one has none")
        if Path(path).suffix.lower() in PICTURES:
            figure = timeline_figure(self.moments, self.spans(), self.classes)
        write_staged(Path(path), {suffix: lambda staged: figure.savefig(staged, dpi=200) for suffix in PICTURES})


def write_staged(target: Path, writers: dict[str, Callable[[Path], object]]) -> None:
    """Write a file by the writer of its suffix, beside its place first, so that it is whole or not there."""
    writer = writers.get(target.suffix.lower())
    if writer is None:
        raise TimelineError(f"a file that ends in {', '.join(writers)} is needed, got {target.name!r}")
    try:
        with staged(target) as place:
            writer(place)
    except OSError as error:
        raise TimelineError(
            f"{target.name!r} cannot be written: {error.strerror or error}; choose another place"
        ) from None


def _row(moment: Moment) -> dict[str, Any]:
    row: dict[str, Any] = {
        "start_s": moment.start_s,
        "end_s": moment.end_s,
        "label": moment.label,
        "smoothed_label": moment.smoothed_label,
    }
    row |= {f"probability_{name}": value for name, value in moment.probabilities.items()}
    row |= {f"smoothed_{name}": value for name, value in moment.smoothed.items()}
    for source, said in moment.modalities.items():
        row[f"{source}_label"] = said.label
        row |= {f"{source}_{name}": value for name, value in (said.probabilities or {}).items()}
    row["faces"] = len(moment.faces)
    for face in moment.faces:
        if face.leading:
            row |= {"face": face.number, "blinks": face.blinks, "blinks_per_minute": face.blinks_per_minute}
    return row | {"warnings": "; ".join(moment.warnings)}
