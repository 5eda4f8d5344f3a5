"""A per-frame table of action units becomes one row a clip: frames that can be trusted, units by name, faces kept apart."""

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import SampleError
from emofuse.features.openface import ACTION_UNITS, LAYOUTS, OpenFaceTable

INTENSITIES, PRESENCES, _ = LAYOUTS["openface"]


def frames(n=50, **changes):
    """A table as FeatureExtraction writes it: AU12 rises from 0 to 4.9, AU04 is present in every fifth frame."""
    columns = {
        "frame": np.arange(1, n + 1),
        "face_id": 0,
        "timestamp": np.arange(n) / 25,
        "confidence": 0.98,
        "success": 1,
    }
    columns |= {name: np.zeros(n) for name in (*INTENSITIES, *PRESENCES)}
    columns |= {"AU12_r": np.arange(n) / 10, "AU04_c": np.arange(n) % 5 == 0}
    return pd.DataFrame(columns | changes).astype(float)


def measured(table, **parameters):
    """The row by name, and the warnings."""
    extractor = OpenFaceTable(**parameters)
    row, warnings = extractor._measure(extractor._accept(table))
    return dict(zip(extractor.get_feature_names_out(), row.tolist(), strict=True)), warnings


def refused(table, **parameters):
    with pytest.raises(SampleError) as caught:
        OpenFaceTable(**parameters).extract_one(table)
    return caught.value.code


def test_known_frames_give_known_numbers():
    row, warnings = measured(frames())
    assert warnings == ()
    assert row["face_share"] == 1
    assert row["AU12_r_mean"] == pytest.approx(2.45)
    assert row["AU12_r_slope"] == row["AU12_r_velocity"] == pytest.approx(2.5)
    assert row["AU12_r_q95"] == pytest.approx(4.655)
    assert row["AU04_c_share"] == pytest.approx(0.2)
    assert row["AU01_r_mean"] == row["AU28_c_share"] == 0


def test_frames_that_failed_or_are_doubtful_are_left_out():
    table = frames()
    table.loc[:9, "success"] = 0
    table.loc[10:19, "confidence"] = 0.74
    table.loc[:19, "AU12_r"] = 5.0
    row, _ = measured(table)
    assert row["face_share"] == pytest.approx(0.6)
    assert row["AU12_r_mean"] == pytest.approx(np.arange(20, 50).mean() / 10)
    assert measured(table, min_confidence=0.7)[0]["face_share"] == pytest.approx(0.8)


def test_failed_frames_may_hold_anything():
    table = frames()
    table.loc[3, "success"], table.loc[3, "AU12_r"] = 0, np.nan
    assert np.isfinite([*measured(table)[0].values()]).all()


def test_header_with_spaces_and_without_reads_the_same(tmp_path):
    (tmp_path / "a.csv").write_text(frames().to_csv(index=False))
    (tmp_path / "b.csv").write_text(
        frames().rename(columns=lambda name: f" {name}").to_csv(index=False).replace(",", ", ")
    )
    rows = [OpenFaceTable().extract_one(tmp_path / name) for name in ("a.csv", "b.csv")]
    np.testing.assert_array_equal(*rows)


def test_clip_is_cut_by_its_times(tmp_path):
    path = tmp_path / "a.csv"
    frames().to_csv(path, index=False)
    extractor = OpenFaceTable(statistics=["min", "max"])
    row = dict(zip(extractor.get_feature_names_out(), extractor.extract_one(path, start_s=0.4, end_s=0.8), strict=True))
    assert (row["AU12_r_min"], row["AU12_r_max"]) == pytest.approx((1.0, 1.9))
    with pytest.raises(SampleError, match=r"lies outside the 50 frames up to 1\.960 s"):
        extractor.extract_one(path, start_s=2.0, end_s=3.0)


def test_order_of_columns_and_what_else_there_is_change_nothing():
    table = frames().assign(pose_Rx=0.1, gaze_angle_x=np.nan)
    np.testing.assert_array_equal(
        OpenFaceTable().extract_one(table.iloc[:, ::-1]), OpenFaceTable().extract_one(frames())
    )


def test_table_of_an_older_openface_has_no_face_id():
    assert measured(frames().drop(columns="face_id")) == measured(frames())


def test_frames_without_times_are_counted():
    table = frames().drop(columns=["timestamp", "frame"])
    assert measured(table, frame_rate_hz=25.0) == measured(frames())
    assert measured(frames(timestamp=0.0), frame_rate_hz=25.0) == measured(frames())
    assert measured(table, frame_rate_hz=50.0)[0]["AU12_r_slope"] == pytest.approx(5.0)


def test_py_feat_names_its_columns_otherwise():
    units = LAYOUTS["pyfeat"][0]
    table = pd.DataFrame({"FaceScore": [0.99, 0.99, 0.3, 0.99], "frame": range(4), **dict.fromkeys(units, 0.5)})
    row, warnings = measured(table, layout="pyfeat")
    assert warnings == () and len(row) == 1 + 20 * 7
    assert (row["face_share"], row["AU43_mean"]) == (0.75, 0.5)
    assert refused(table) == "bad_columns"
    assert refused(frames(), layout="pyfeat") == "bad_columns"


def test_face_8_of_several_faces_the_one_in_most_frames_is_measured():
    other = frames().assign(face_id=1, AU12_r=5.0).iloc[:30]
    both = pd.concat([frames(), other]).sort_values("frame", kind="stable")
    row, warnings = measured(both)
    assert row == measured(frames())[0]
    assert warnings == ("several faces: 2 were tracked, the one in most frames is measured",)


def test_faces_seen_equally_often_tie_by_order():
    both = pd.concat([frames(), frames().assign(face_id=1, AU12_r=5.0)])
    assert measured(both)[0] == measured(frames())[0]


def test_face_37_a_face_in_few_frames_is_a_warning():
    table = frames()
    table.loc[4:, "success"] = 0
    assert measured(table)[1] == ("few frames: the face is used in 8.0% of 50 frames",)


@pytest.mark.parametrize("change", [{"success": 0}, {"confidence": 0.1}], ids=str)
def test_face_7_no_frame_with_a_face_is_an_absent_modality(change):
    assert refused(frames(**change)) == "no_face"


def test_missing_units_are_nan_columns_by_name():
    row, warnings = measured(frames().drop(columns=["AU12_r", "AU28_c"]))
    assert warnings == ("missing columns: AU12_r, AU28_c",)
    gone = {name for name, value in row.items() if np.isnan(value)}
    assert gone == {f"AU12_r_{statistic}" for statistic in OpenFaceTable().statistics} | {"AU28_c_share"}


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (frames(AU12_r=np.inf), "not_finite"),
        (frames(AU12_r=np.nan), "not_finite"),
        (frames().assign(AU12_r="wide"), "not_finite"),
        (frames().assign(timestamp="soon"), "bad_times"),
        (frames(frame=np.nan), "bad_times"),
        (frames().iloc[::-1], "bad_times"),
        (frames(timestamp=[0.0] * 25 + [1.0] * 25), "bad_times"),
        (frames().iloc[:0], "bad_columns"),
        (frames()[["frame", "timestamp"]], "bad_columns"),
        (frames().rename(columns={"AU01_r": " AU12_r"}), "bad_columns"),
    ],
)
def test_unusable_table_is_refused(table, code):
    assert refused(table) == code


def test_one_frame_is_enough():
    row, _ = measured(frames(1))
    assert (row["face_share"], row["AU12_r_sd"], row["AU12_r_slope"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"layout": "openpose"}, "layout must be one of"),
        ({"statistics": ["mean", "mode"]}, "statistics must be"),
        ({"min_confidence": 98}, "min_confidence must be from 0 to 1"),
        ({"frame_rate_hz": 0}, "frame_rate_hz must be positive"),
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        OpenFaceTable(**parameters).get_feature_names_out()


def test_every_unit_is_called_by_its_movement():
    note = OpenFaceTable().explain("AU12_r_velocity")
    assert "lip corners pulled up" in note.measures and note.unit == "level (0 to 5)/s"
    assert "Ekman & Friesen (1978)" in note.source and "Baltrusaitis et al. (2018)" in note.source
    assert OpenFaceTable().explain("AU45_c_share").measures.endswith("AU45 is present: blink")
    assert {name[:4] for columns, others, _ in LAYOUTS.values() for name in (*columns, *others)} == set(ACTION_UNITS)
