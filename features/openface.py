"""What a face did over a clip, from the per-frame table of action units that OpenFace or py-feat wrote for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from .base import Extractor, FeatureNote, FloatArray
from .errors import SampleError
from .functionals import check_statistics, describe_functional, functional_names, functionals
from .media import check_bounds, clip_text
from .tables import decode_table

# Ekman & Friesen (1978): the movement that each action unit is.
ACTION_UNITS = {
    "AU01": "inner brow raised",
    "AU02": "outer brow raised",
    "AU04": "brows lowered",
    "AU05": "upper lid raised",
    "AU06": "cheeks raised",
    "AU07": "lids tightened",
    "AU09": "nose wrinkled",
    "AU10": "upper lip raised",
    "AU11": "nasolabial furrow deepened",
    "AU12": "lip corners pulled up",
    "AU14": "cheeks dimpled",
    "AU15": "lip corners pulled down",
    "AU17": "chin raised",
    "AU20": "lips stretched",
    "AU23": "lips tightened",
    "AU24": "lips pressed",
    "AU25": "lips parted",
    "AU26": "jaw dropped",
    "AU28": "lips sucked in",
    "AU43": "eyes closed",
    "AU45": "blink",
}
OPENFACE_UNITS = ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45")
PYFEAT_UNITS = (
    *("01", "02", "04", "05", "06", "07", "09", "10", "11", "12", "14"),
    *("15", "17", "20", "23", "24", "25", "26", "28", "43"),
)
# What each program calls an intensity and a presence, and how sure it is of the face.
LAYOUTS = {
    "openface": (
        tuple(f"AU{unit}_r" for unit in OPENFACE_UNITS),
        tuple(f"AU{unit}_c" for unit in sorted((*OPENFACE_UNITS, "28"))),
        "confidence",
    ),
    "pyfeat": (tuple(f"AU{unit}" for unit in PYFEAT_UNITS), (), "FaceScore"),
}
FACE_COLUMNS = ("face_id", "FaceID", "Identity")
STATISTICS = ("mean", "sd", "q05", "median", "q95", "slope", "velocity")
FEW_FRAMES = 0.1
FACS = "Ekman & Friesen (1978), Facial Action Coding System"
PROGRAMS = {
    "openface": "Baltrusaitis et al. (2018), OpenFace 2.0: facial behavior analysis toolkit, IEEE FG",
    "pyfeat": "Cheong et al. (2023), Py-Feat: Python facial expression analysis toolbox, Affective Science 4",
}


class OpenFaceTable(Extractor):
    """Functionals over a clip of the action units in a table with one row a frame [1]_ [2]_.

    Parameters
    ----------
    layout : {"openface", "pyfeat"}, default="openface"
        The program that wrote the table: OpenFace's ``FeatureExtraction`` (17 intensities ``AU01_r`` … from 0 to 5, 18
        presences ``AU01_c`` …), or py-feat (20 intensities ``AU01`` … from 0 to 1).
    statistics : sequence of str
        Of each intensity; any of ``STATISTICS`` of :mod:`emofuse.features.functionals`.
    min_confidence : float, default=0.75
        Frames of which the program was less sure are left out, as are those that it marked as failed.
    frame_rate_hz : float, default=30
        Of a table without the column ``timestamp``, or with one time in all of it: frames are then counted.

    Notes
    -----
    The source is CSV; :meth:`extract_one` also takes a DataFrame. Where several faces were tracked, the one seen in
    most frames is measured. ``face_share`` is the share of frames in which the face was used, and ``AU01_c_share`` the
    share of those in which the action unit was present. A column that is missing gives NaN and a warning.

    References
    ----------
    .. [1] Baltrusaitis et al. (2018), OpenFace 2.0: facial behavior analysis toolkit, IEEE FG.
    .. [2] Ekman & Friesen (1978), Facial Action Coding System.

    Examples
    --------
    >>> OpenFaceTable(statistics=["mean"]).get_feature_names_out()[[0, 1, -1]].tolist()
    ['face_share', 'AU01_r_mean', 'AU45_c_share']
    """

    source_column: ClassVar[str] = "openface"
    variants: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"layout": "pyfeat"})

    def __init__(
        self,
        layout: str = "openface",
        statistics: Sequence[str] = STATISTICS,
        min_confidence: float = 0.75,
        frame_rate_hz: float = 30.0,
    ) -> None:
        self.layout = layout
        self.statistics = statistics
        self.min_confidence = min_confidence
        self.frame_rate_hz = frame_rate_hz

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``face_share``, ``<unit>_<statistic>`` and ``<unit>_c_share``."""
        intensities, presences, _ = self._layout()
        shares = [f"{name}_share" for name in presences]
        return np.array(["face_share", *functional_names(intensities, self.statistics), *shares], dtype=object)

    def _layout(self) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """Return the columns in use; raise ValueError where a parameter makes no sense."""
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {sorted(LAYOUTS)}, got {self.layout!r}")
        check_statistics(self.statistics)
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence must be from 0 to 1, got {self.min_confidence!r}")
        if not 0 < self.frame_rate_hz < np.inf:
            raise ValueError(f"frame_rate_hz must be positive, got {self.frame_rate_hz!r}")
        return LAYOUTS[self.layout]

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> pd.DataFrame:
        table = self._accept(decode_table(data))
        check_bounds(start_s, end_s)
        times = table["timestamp"]
        chosen = table[(times >= (start_s or 0.0)) & (times < (np.inf if end_s is None else end_s))]
        if chosen.empty:
            raise SampleError(
                "bad_clip",
                f"clip {clip_text(start_s, end_s)} lies outside the {len(table)} frames up to {times.max():.3f} s",
            )
        return chosen

    def _accept(self, source: Any) -> pd.DataFrame:
        """Return the columns in use as numbers, with a frame's number, its time and its face."""
        intensities, presences, confidence = self._layout()
        if not isinstance(source, pd.DataFrame):
            raise SampleError("bad_array", f"a path or a DataFrame is needed, got {type(source).__name__}")
        table = source.set_axis([str(column).strip() for column in source.columns], axis=1)
        if not table.columns.is_unique:
            raise SampleError("bad_columns", "two columns have the same name; rename one")
        units = [column for column in (*intensities, *presences) if column in table]
        if not units or table.empty:
            raise SampleError(
                "bad_columns",
                f"rows with action units such as {intensities[0]!r} are needed, got {len(table)} rows of "
                f"{list(table.columns)[:8]}; is its layout {self.layout!r}?",
            )
        used = table[[name for name in ("frame", "timestamp", confidence, "success", *units) if name in table]]
        numbers = used.apply(pd.to_numeric, errors="coerce").astype(np.float64).reset_index(drop=True)
        face = next((column for column in FACE_COLUMNS if column in table), None)
        numbers["face"] = 0 if face is None else pd.factorize(table[face])[0]
        if "frame" not in numbers:
            numbers["frame"] = numbers.groupby("face").cumcount()
        # OpenFace writes 0 for every picture of a folder.
        if "timestamp" not in numbers or (numbers["timestamp"].nunique() == 1 and numbers["frame"].nunique() > 1):
            numbers["timestamp"] = (numbers["frame"] - numbers["frame"].min()) / self.frame_rate_hz
        if not np.isfinite(numbers[["frame", "timestamp"]].to_numpy()).all():
            raise SampleError("bad_times", "a frame has no number or no time; write the table again")
        return numbers

    def _measure(self, signal: pd.DataFrame) -> tuple[FloatArray, tuple[str, ...]]:
        intensities, presences, confidence = self._layout()
        warnings: list[str] = []
        n_frames = signal["frame"].nunique()
        good = np.ones(len(signal), dtype=bool)
        if "success" in signal:
            good &= (signal["success"] == 1).to_numpy()
        if confidence in signal:
            good &= (signal[confidence] >= self.min_confidence).to_numpy()
        usable = signal[good]
        if usable.empty:
            raise SampleError(
                "no_face", f"none of {n_frames} frames has a face with a confidence of {self.min_confidence:g}; drop it"
            )
        seen = usable["face"].value_counts()
        if len(seen) > 1:
            warnings.append(f"several faces: {len(seen)} were tracked, the one in most frames is measured")
        face = usable[usable["face"] == seen.index[seen == seen.max()].min()]
        times = face["timestamp"].to_numpy()
        if (np.diff(times) <= 0).any():
            raise SampleError("bad_times", "the frames of a face do not follow each other in time; sort the table")
        share = len(face) / n_frames
        if share < FEW_FRAMES:
            warnings.append(f"few frames: the face is used in {share:.1%} of {n_frames} frames")
        units = [*intensities, *presences]
        missing = [column for column in units if column not in face]
        if missing:
            warnings.append(f"missing columns: {', '.join(missing)}")
        values = face.reindex(columns=units)
        if not (np.abs(values.drop(columns=missing)) <= np.finfo(np.float32).max).all(axis=None):
            raise SampleError("not_finite", "an action unit is no finite number in a frame with a face; write it again")
        strengths, present = values[[*intensities]].to_numpy(), values[[*presences]].to_numpy()
        row = [np.float32(share), *functionals(strengths, times, self.statistics), *present.mean(axis=0)]
        return np.array(row, dtype=np.float32), tuple(warnings)

    def _describe(self, feature: str) -> FeatureNote:
        source = f"{FACS}; {PROGRAMS[self.layout]}"
        if feature == "face_share":
            return FeatureNote("share of the frames in which the face was found and used", "1", PROGRAMS[self.layout])
        if feature.endswith("_c_share"):
            movement = ACTION_UNITS[feature[:4]]
            return FeatureNote(f"share of the used frames in which {feature[:4]} is present: {movement}", "1", source)
        unit = "level (0 to 5)" if self.layout == "openface" else "level (0 to 1)"
        return describe_functional(
            feature, lambda name: FeatureNote(f"intensity of {name[:4]}, {ACTION_UNITS[name[:4]]}", unit, source)
        )
