"""The moments in a row: what the table, the files, the shares and the figure say of them."""

import json

import numpy as np
import pandas as pd
import pytest
from emofuse.inference.answer import ModalityAnswer
from emofuse.inference.moment import Moment
from emofuse.inference.stream_faces import StreamFace
from emofuse.inference.timeline import Timeline, TimelineError

CLASSES = ("angry", "happy", "neutral")
NOT_GIVEN = ModalityAnswer(False, probabilities={}, reason="not given")


def face(number=0, leading=True, blinks=0, blink_times_s=()):
    points = tuple((float(place), float(place)) for place in range(68))
    box = (10.0, 10.0, 60.0, 60.0)
    return StreamFace(number, leading, box, 1.5, points, "happy", {"happy": 1.0}, blinks, None, 0.3, blink_times_s)


def moment(start_s, end_s, label, *, faces=(), warnings=(), video="angry"):
    if label is None:
        return Moment(start_s, end_s, None, {}, None, {}, {}, faces, warnings)
    probabilities = {name: 0.8 if name == label else 0.1 for name in CLASSES}
    said = ModalityAnswer(True, video, {name: 1.0 if name == video else 0.0 for name in CLASSES}, 1.0, 0.1)
    modalities = {"audio": NOT_GIVEN, "video": said}
    return Moment(start_s, end_s, label, probabilities, label, probabilities, modalities, faces, warnings)


@pytest.fixture
def timeline():
    return Timeline(
        [
            moment(0, 3, "happy", faces=(face(), face(1, False))),
            moment(1, 4, "happy", faces=(face(blinks=1, blink_times_s=(3.2,)),)),
            moment(2, 5, None, warnings=("no sound", "no face")),
            moment(3, 6, "angry"),
            moment(9, 12, "neutral"),
        ]
    )


def test_a_moment_stands_for_the_time_since_the_one_before(timeline):
    assert timeline.spans() == [(0, 3), (3, 4), (4, 5), (5, 6), (9, 12)]


def test_shares_are_of_the_answered_time(timeline):
    assert timeline.shares() == pytest.approx({"angry": 1 / 8, "happy": 4 / 8, "neutral": 3 / 8})
    assert timeline.most_frequent() == "happy"


def test_landmarks_are_not_kept(timeline):
    assert all(one.landmarks is None for moment in timeline for one in moment.faces)


def test_the_table_has_a_row_for_each_moment(timeline):
    table = timeline.to_frame()
    assert len(table) == len(timeline) == 5
    assert table["smoothed_label"].tolist() == ["happy", "happy", pd.NA, "angry", "neutral"]
    assert table["video_label"].isna().tolist() == [False, False, True, False, False]
    assert table["audio_label"].isna().all()
    assert np.isnan(table["probability_happy"][2])
    assert table["faces"].tolist() == [2, 1, 0, 0, 0]
    assert table["blinks"].fillna(-1).tolist() == [0, 1, -1, -1, -1]
    assert table["warnings"][2] == "no sound; no face"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_are_read_back_as_they_were(timeline, tmp_path, suffix):
    path = tmp_path / f"timeline.{suffix}"
    timeline.write(path)
    read = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
    expected = timeline.to_frame()
    assert read.columns.tolist() == expected.columns.tolist()
    assert read["end_s"].tolist() == expected["end_s"].tolist()
    assert read["label"].fillna("").tolist() == expected["label"].fillna("").tolist()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_json_holds_everything(timeline, tmp_path):
    timeline.write(tmp_path / "timeline.json")
    held = json.loads((tmp_path / "timeline.json").read_text())
    assert held["classes"] == list(CLASSES)
    assert held["most_frequent"] == "happy"
    assert held["moments"] == json.loads(json.dumps([one.as_dict() for one in timeline]))
    assert held["moments"][1]["faces"][0]["blink_times_s"] == [3.2]


@pytest.mark.parametrize(("suffix", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_figures_are_drawn(timeline, tmp_path, suffix, begin):
    path = tmp_path / f"timeline.{suffix}"
    timeline.draw(path)
    assert path.read_bytes().startswith(begin)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_figure_names_labels_modalities_and_blinks(timeline):
    from emofuse.inference.timeline_figure import timeline_figure

    axes = timeline_figure(timeline.moments, timeline.spans(), CLASSES).axes
    names = [label.get_text() for axis in axes[1:] for label in axis.get_yticklabels()]
    assert names == ["fused, smoothed", "video", "face 0: 1 blink", "face 1: 0 blinks"]
    written = [text.get_text() for text in axes[1].texts]
    assert written == ["happy", "neutral"]
    assert axes[-1].get_xlabel() == "time (s)"


def test_many_faces_share_a_row_and_a_long_recording_is_told_in_minutes():
    from emofuse.inference.timeline_figure import timeline_figure

    moments = [moment(60 * number, 60 * number + 60, "happy", faces=(face(number),)) for number in range(6)]
    timeline = Timeline(moments)
    axes = timeline_figure(timeline.moments, timeline.spans(), CLASSES).axes
    assert axes[-1].get_yticklabels()[0].get_text() == "6 faces: 0 blinks"
    assert axes[-1].get_xlabel() == "time (min)"
    assert axes[-1].get_xlim() == (0, 6)


@pytest.mark.parametrize("name", ["timeline.xlsx", "timeline", "timeline.png"])
def test_another_suffix_is_refused(timeline, tmp_path, name):
    with pytest.raises(TimelineError, match=r"a file that ends in \.parquet, \.csv, \.json is needed"):
        timeline.write(tmp_path / name)
    with pytest.raises(TimelineError, match=r"ends in \.png, \.svg, \.pdf is needed"):
        timeline.draw(tmp_path / "timeline.csv")


def test_a_place_that_cannot_be_written_is_said(timeline, tmp_path):
    with pytest.raises(TimelineError, match=r"'a\.csv' cannot be written"):
        timeline.write(tmp_path / "none" / "a.csv")


def test_a_file_that_is_there_survives_a_failure(timeline, tmp_path, monkeypatch):
    path = tmp_path / "timeline.csv"
    path.write_text("before")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(TimelineError, match="No space left on device"):
        timeline.write(path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_nothing_answered_has_a_table_but_no_figure(tmp_path):
    empty = Timeline([moment(0, 3, None)])
    assert empty.shares() == {}
    assert empty.most_frequent() is None
    assert Timeline().to_frame().empty
    empty.write(tmp_path / "a.csv")
    with pytest.raises(TimelineError, match="this one has none"):
        empty.draw(tmp_path / "a.png")
