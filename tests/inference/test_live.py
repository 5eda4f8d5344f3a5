"""Live streams: what is sent is answered, what breaks a rule ends the stream with one line, and only frames are dropped."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import threading
import warnings

import numpy as np
import pytest
from emofuse.inference.limits import Limits
from emofuse.inference.service import make_app
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client prefers a newer httpx
    from starlette.testclient import TestClient
    from starlette.websockets import WebSocketDisconnect

RATE = 16_000
ADDRESS = "ws://localhost/v1/stream"
SOUND = {"audio": {"sampling_rate_hz": RATE}, "window_s": 1.0, "hop_s": 0.5}
VIDEO = {"video": True, "window_s": 1.0, "hop_s": 0.5}
TOKEN = "0123456789abcdef"
SECRET = "/home/anna/secret.bin"


def sound(seconds, level=0.3):
    samples = np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE) * level * 32767
    return b"\x01" + samples.astype("<i2").tobytes()


def frame(time_s, *, size=(64, 48), grey=200, data=None):
    if data is None:
        held = io.BytesIO()
        Image.new("RGB", size, (grey, grey, grey)).save(held, "JPEG")
        data = held.getvalue()
    return b"\x02" + struct.pack("<d", time_s) + data


@pytest.fixture
def connect(fake_model):
    """A function that opens a stream, with limits of one's own."""

    def opened(model=fake_model, token=None, subprotocols=None, headers=None, **limits):
        app = make_app(model, Limits(**limits), token=token)
        return TestClient(app).websocket_connect(ADDRESS, subprotocols=subprotocols, headers=dict(headers or {}))

    return opened


def ending(socket):
    """The code and the line with which a stream ends."""
    said = socket.receive_json()
    assert said["type"] == "error" and "\n" not in said["message"]
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert said["message"].startswith(closed.value.reason.rstrip("\ufffd")[:60])
    return closed.value.code, said["message"]


def test_sound_is_answered_window_by_window(connect):
    with connect() as socket:
        socket.send_json(SOUND)
        for _ in range(8):
            socket.send_bytes(sound(0.25))
        moments = [socket.receive_json() for _ in range(3)]
    assert [moment["type"] for moment in moments] == ["moment"] * 3
    assert [(moment["start_s"], moment["end_s"]) for moment in moments] == [(0, 1), (0.5, 1.5), (1, 2)]
    assert {moment["label"] for moment in moments} == {"angry"}
    assert set(moments[0]["probabilities"]) == {"angry", "happy", "neutral"}


def test_each_frame_is_told_of(connect):
    with connect() as socket:
        socket.send_json(VIDEO)
        for number in range(3):
            socket.send_bytes(frame(number / 10))
            said = socket.receive_json()
            assert said == {
                "type": "faces",
                "time_s": number / 10,
                "faces": [],
                "width": 64,
                "height": 48,
                "dropped": 0,
            }


def test_a_frame_that_is_no_picture_is_told_of_and_the_stream_goes_on(connect):
    with connect() as socket:
        socket.send_json(VIDEO)
        for bad in (frame(0.1, data=b"junk"), frame(float("nan")), frame(-1.0)):
            socket.send_bytes(bad)
            error, faces = socket.receive_json(), socket.receive_json()
            assert (error["type"], faces["type"]) == ("error", "faces")
            assert "\n" not in error["message"] and "/" not in error["message"]
        socket.send_bytes(frame(0.5))
        assert socket.receive_json()["width"] == 64


def test_frames_of_too_many_pixels_are_refused(connect):
    with connect(pixels=1000) as socket:
        socket.send_json(VIDEO)
        socket.send_bytes(frame(0.0))
        assert "1000 pixels" in socket.receive_json()["message"]


def test_frames_that_come_too_fast_are_dropped_but_sound_never_is(fakes):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(fakes.FakeModel):
        def predict(self, **given):
            begun.set()
            assert go_on.wait(20)
            return super().predict(**given)

    app = make_app(Slow())
    with TestClient(app).websocket_connect(ADDRESS) as socket:
        socket.send_json(SOUND | {"video": True})
        socket.send_bytes(frame(0.0))
        assert socket.receive_json()["type"] == "faces"
        socket.send_bytes(sound(2.0))  # with sound a second ahead the first window is complete
        assert begun.wait(20)
        for number in range(5):
            socket.send_bytes(frame(1.0 + number / 5))
            socket.send_bytes(sound(0.2))
        socket.send_bytes(b"\x02" + struct.pack("<d", 3.0) + frame(0)[9:])
        held = app.state.metrics.frames_dropped
        reader = threading.Event()
        while held._value.get() < 5:
            reader.wait(0.001)
        go_on.set()
        said = []
        while not said or said[-1]["type"] != "faces":
            said.append(socket.receive_json())
    assert said[-1]["dropped"] == 5 and said[-1]["time_s"] == 3.0
    ends = [one["end_s"] for one in said if one["type"] == "moment"]
    assert ends == sorted(ends) and ends[-1] == 3.0
    assert not any("gap" in note for one in said if one["type"] == "moment" for note in one["warnings"])


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("{", 1008),
        ("[]", 1008),
        ("{}", 1008),
        ('{"video": true, "extra": 1}', 1008),
        ('{"video": true, "window_s": 0}', 1008),
        ('{"video": true, "window_s": 1e999}', 1008),
        ('{"video": "yes"}', 1008),
        ('{"audio": {"sampling_rate_hz": 1}}', 1008),
        ("[" * 100_000, 1008),
        (b"\x01\x00\x00", 1003),
    ],
)
def test_a_first_message_that_announces_nothing_ends_the_stream(connect, first, code):
    with connect() as socket:
        (socket.send_bytes if isinstance(first, bytes) else socket.send_text)(first)
        assert ending(socket)[0] == code


@pytest.mark.parametrize(
    "message", [b"", b"\x01\x00", b"\x02", b"\x02" + bytes(8), b"\x03abc", frame(0.0), "text"], ids=repr
)
def test_a_message_that_was_not_announced_ends_the_stream(connect, message):
    with connect() as socket:
        socket.send_json(SOUND)
        (socket.send_text if isinstance(message, str) else socket.send_bytes)(message)
        assert ending(socket)[0] == 1003


def test_a_message_that_is_too_long_ends_the_stream(connect):
    with connect(message_bytes=1000) as socket:
        socket.send_json(SOUND)
        socket.send_bytes(sound(1.0))
        assert ending(socket) == (1009, "a message has at most 1000 bytes, got 32001")


def test_a_silent_client_is_let_go(connect):
    with connect(idle_seconds=0.01) as socket:
        code, message = ending(socket)
        assert code == 1001 and "0.01 s" in message


def test_more_streams_than_there_may_be_are_refused(fake_model):
    app = make_app(fake_model, Limits(streams=1))
    client = TestClient(app)
    with client, client.websocket_connect(ADDRESS) as first:
        first.send_json(SOUND)
        with client.websocket_connect(ADDRESS) as second:
            assert ending(second)[0] == 1013
        first.send_bytes(sound(1.0))
        assert first.receive_json()["type"] == "moment"
    with client, client.websocket_connect(ADDRESS) as again:
        again.send_json(SOUND)
        again.send_bytes(sound(1.0))
        assert again.receive_json()["type"] == "moment"


def test_a_model_that_reads_neither_sound_nor_pictures_has_no_stream(connect, fakes):
    with connect(fakes.FakeModel({"text": ("utterance",)})) as socket:
        socket.send_json(SOUND)
        socket.send_bytes(sound(1.0))
        said = socket.receive_json()
        assert said["type"] == "error" or said["label"] is None


def test_a_model_that_fails_ends_nothing_and_tells_nothing(connect, fakes, caplog):
    class Broken(fakes.FakeModel):
        def predict(self, **given):
            raise RuntimeError(SECRET)

    with connect(Broken()) as socket:
        socket.send_json(SOUND)
        for _ in range(2):
            socket.send_bytes(sound(1.0))
            said = json.dumps(socket.receive_json())
            assert "anna" not in said and "cannot be used" in said
    assert "RuntimeError" in caplog.text and "anna" not in caplog.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_pages_of_other_sites_are_refused(connect, origin):
    with pytest.raises(WebSocketDisconnect), connect(headers={"origin": origin}):
        pass


def test_a_token_is_needed_where_there_is_one(connect):
    for shown in (None, ["bearer", "wrong-wrong-wrong"], [TOKEN]):
        with pytest.raises(WebSocketDisconnect), connect(token=TOKEN, subprotocols=shown):
            pass
    with connect(token=TOKEN, subprotocols=["bearer", TOKEN]) as socket:
        assert socket.accepted_subprotocol == "bearer"
        socket.send_json(SOUND)
        socket.send_bytes(sound(1.0))
        assert socket.receive_json()["type"] == "moment"


def test_sound_that_comes_faster_than_it_is_worked_off_is_not_read(fakes):
    """Driven without a client, so that what was taken off the socket can be counted."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(fakes.FakeModel):
        def predict(self, **given):
            begun.set()
            assert go_on.wait(20)
            return super().predict(**given)

    taken = []

    async def main():
        app = make_app(Slow())
        messages = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": json.dumps(SOUND)}]
        left, sent = asyncio.Event(), []

        async def receive():
            if messages:
                return messages.pop(0)
            if len(taken) < 100:
                taken.append(1)
                return {"type": "websocket.receive", "bytes": sound(1.0)}
            await left.wait()
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message):
            sent.append(message)
            if len([one for one in sent if '"moment"' in one.get("text", "")]) >= 199:
                left.set()

        scope = {"type": "websocket", "path": "/v1/stream", "headers": [(b"host", b"localhost")], "query_string": b""}
        serving = asyncio.create_task(app({**scope, "subprotocols": [], "scheme": "ws"}, receive, send))
        while not begun.is_set():
            await asyncio.sleep(0)
        for _ in range(1000):
            await asyncio.sleep(0)
        waiting = len(taken)
        go_on.set()
        await serving
        return waiting

    assert asyncio.run(main()) < 30
    assert len(taken) == 100
