"""What the tests of the page share: a served model, Debian's Chromium, and a camera and a microphone made here."""

from __future__ import annotations

import shutil
import threading
import wave
from contextlib import contextmanager

import av
import numpy as np
import pytest
import uvicorn
from emofuse.inference.service import listen, make_app
from playwright.sync_api import expect, sync_playwright
from skimage import data

TONE_HZ = 440
DEVICES_MS = 20_000  # milliseconds that a busy machine may take to open devices and to fill a window
OPENED = """window.opened = [];
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (what) => {
        const stream = await open(what);
        opened.push(stream);
        return stream;
    };"""
DEVICE_RATE_HZ = 44_100
SIZE = (640, 480)


def chromium_path():
    """Debian's Chromium; without it the page is untested, which is a failure and no skip."""
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("the page is tested in Chromium, and there is none here; run `make browser`", pytrace=False)
    return found


def write_camera(path, n_frames=50):
    """Write a film of the astronaut's face that moves about, which Chromium plays again and again."""
    astronaut = data.astronaut()
    width, height = SIZE
    with av.open(str(path), "w", format="mjpeg") as film:
        stream = film.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for turn in np.linspace(0, 2 * np.pi, n_frames, endpoint=False):
            frame = np.full((height, width, 3), 90, np.uint8)
            top, left = int(24 + 16 * np.sin(turn)), int(64 + 24 * np.cos(turn))
            frame[top : top + 432, left : left + 512] = astronaut[:432]
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format="yuvj420p")))
        film.mux(stream.encode())


def write_tone(path, duration_s=2.0):
    """Write a loud tone at the rate of a usual sound card; whole periods, so that it repeats without a click."""
    times = np.arange(round(duration_s * DEVICE_RATE_HZ)) / DEVICE_RATE_HZ
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(DEVICE_RATE_HZ)
        sound.writeframes((16_000 * np.sin(2 * np.pi * TONE_HZ * times)).astype("<i2").tobytes())


def device_flags(camera, microphone):
    """Arguments of Chromium that open files in place of devices, without asking (the page asks by itself)."""
    return [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]


@contextmanager
def serving(model, **settings):
    """Serve a model on a free port of this machine for as long as the context is open; yields the address."""
    app = make_app(model, **settings)
    with listen("127.0.0.1", 0) as listening:
        config = uvicorn.Config(app, log_level="error", lifespan="off", ws="websockets-sansio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()
            app.state.desk.close()


@pytest.fixture(scope="module")
def listening_model(fakes):
    """The fake model with a cohort and what was validated, which also keeps the last sound that it was given."""

    class Listening(fakes.FakeModel):
        heard = None
        lock = threading.Lock()

        def predict(self, *, audio=None, **given):
            if isinstance(audio, tuple):
                with self.lock:
                    self.heard = audio
            return super().predict(audio=audio, **given)

    model = Listening()
    model.manifest |= {
        "name": "miniature",
        "licences": ["openSMILE: research and private use"],
        "validation": {
            "study": "mini",
            "metrics": {"uar": {"mean": 0.61, "low": 0.55, "high": 0.67}},
            "adaptive": True,
            "answers": {"angry": 0.5, "happy": 0.3, "neutral": 0.2},
        },
    }
    return model


@pytest.fixture(scope="module")
def address(listening_model):
    with serving(listening_model) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    write_camera(folder / "camera.mjpeg")
    write_tone(folder / "tone.wav")
    flags = device_flags(folder / "camera.mjpeg", folder / "tone.wav")
    expect.set_options(timeout=DEVICES_MS)  # a busy machine takes its time; nothing waits longer than it must
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        yield found
        found.close()


@pytest.fixture
def open_page(browser, address):
    """A function that opens the page in a window of its own; no window may ask elsewhere or complain."""
    contexts, troubles = [], []

    def opened(url=address, *, ready=True, **settings):
        context = browser.new_context(viewport=settings.pop("viewport", {"width": 1280, "height": 800}), **settings)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(OPENED)
        page.set_default_timeout(DEVICES_MS)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
        page.on("request", lambda asked: asked.url.startswith((url, "blob:", "data:")) or troubles.append(asked.url))
        page.goto(url)
        if ready:
            expect(page.locator("body[data-ready]")).to_be_attached()
        opened.troubles = troubles
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def page(open_page):
    return open_page()


@pytest.fixture
def tone(tmp_path):
    write_tone(tmp_path / "tone.wav", 4.0)
    return tmp_path / "tone.wav"


def agree(page):
    page.get_by_role("button", name="I agree").click()


def analyse(page, text):
    page.get_by_label("Type or paste a text").fill(text)
    page.get_by_role("button", name="Analyse text").click()
    article = page.locator("#text-answer article")
    expect(article).to_be_visible()
    return article
