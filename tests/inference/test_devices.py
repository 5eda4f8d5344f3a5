"""Microphone and camera: FFmpeg's generators stand in for them."""

import sys

import pytest
from emofuse.features.errors import SampleError
from emofuse.inference import devices
from emofuse.inference.stream import stream

SINE = ("lavfi", "sine=frequency=300:sample_rate=16000:duration=3")
PICTURES = ("lavfi", "testsrc=size=160x120:rate=10:duration=3")


def offer(monkeypatch, **inputs):
    monkeypatch.setattr(devices, "INPUTS", {sys.platform: inputs})


def test_the_microphone_is_heard_from_second_0(fake_model, monkeypatch):
    offer(monkeypatch, microphone=(SINE,))
    moments = list(stream(fake_model, "microphone", window_s=1, hop_s=1))
    assert [(moment.start_s, round(moment.end_s, 2)) for moment in moments] == [(0, 1), (1, 2), (2, 3)]
    assert all(moment.modalities["audio"].present for moment in moments)


def test_the_camera_is_seen_until_the_end_that_was_asked_for(fake_model, monkeypatch):
    offer(monkeypatch, camera=(PICTURES,))
    moments = list(stream(fake_model, "camera", window_s=1, hop_s=0.5, faces=False, end_s=2))
    assert [round(moment.end_s, 2) for moment in moments] == [1, 1.5, 1.9]
    assert all(moment.modalities["video"].present for moment in moments)


def test_the_second_choice_is_taken_where_the_first_is_not_there(fake_model, monkeypatch):
    offer(monkeypatch, microphone=(("no such format", "default"), SINE))
    assert len(list(stream(fake_model, "microphone"))) == 1


def test_no_device_is_one_line_with_the_reasons(fake_model, monkeypatch):
    offer(monkeypatch, camera=(("no such format", "default"), ("lavfi", "nonsense")))
    with pytest.raises(
        SampleError, match=r"no camera can be opened \(no such format: .*; lavfi: .*\); connect one"
    ) as no:
        stream(fake_model, "camera")
    assert "\n" not in str(no.value)


def test_a_system_that_nothing_is_known_of_has_none(fake_model, monkeypatch):
    monkeypatch.setattr(devices, "INPUTS", {})
    with pytest.raises(SampleError, match="no microphone can be opened"):
        stream(fake_model, "microphone")


def test_a_device_has_no_start(fake_model):
    with pytest.raises(SampleError, match="are for recordings"):
        stream(fake_model, "microphone", start_s=1)
