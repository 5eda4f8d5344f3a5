"""The page, driven as people use it: in Chromium, with a camera and a microphone that play files."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from skimage import data

ENDED = "opened.flatMap((stream) => stream.getTracks()).every((track) => track.readyState === 'ended')"

spec = importlib.util.spec_from_file_location("browser_tools", Path(__file__).with_name("browser.py"))
tools = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tools)
agree, analyse = tools.agree, tools.analyse
listening_model, address, browser, open_page, page, tone = (
    getattr(tools, name) for name in ("listening_model", "address", "browser", "open_page", "page", "tone")
)


def test_it_says_what_the_model_is_and_what_it_is_not_for(page):
    expect(page).to_have_title(re.compile("miniature"))
    header = page.get_by_role("banner")
    expect(header.get_by_role("heading", level=1)).to_have_text("miniature")
    expect(header).to_contain_text("angry, happy and neutral")
    expect(header).to_contain_text("0.610 [0.550, 0.670] unweighted average recall (mini) adaptive")
    expect(header.get_by_role("complementary", name="Intended use")).to_contain_text("prohibited in the European Union")
    header.get_by_text("Licences").click()
    expect(header).to_contain_text("openSMILE: research and private use")


def test_the_card_is_set_as_text_and_tables_and_never_as_markup(page):
    card = "# miniature\n\nA **small** model. <img src=x onerror=alert(1)>\n\n| group | UAR |\n| --- | --- |\n| all | 0.61 |\n"
    page.route("**/v1/model", lambda route: route.fulfill(json=route.fetch().json() | {"card": card}))
    page.reload()
    page.get_by_text("Model card").click()
    shown = page.locator(".card")
    expect(shown.get_by_role("heading", level=3)).to_have_text("miniature")
    expect(shown.get_by_role("row", name="all")).to_have_text(re.compile(r"all\s*0\.61"))
    expect(shown.locator("strong")).to_have_text("small")
    expect(shown).to_contain_text("<img src=x onerror=alert(1)>")


def test_live_faces_and_sound(page, listening_model):
    page.get_by_role("button", name="Start camera").click()
    agree(page)
    faces = page.locator("#faces")
    expect(faces.get_by_role("rowheader").first).to_have_text(re.compile(r"^[1-9]"))
    expect(faces).to_contain_text(re.compile(r"(angry|happy|neutral), \d+"))
    drawn = """() => { const canvas = document.getElementById('overlay');
        return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0); }"""
    page.wait_for_function(drawn)
    page.get_by_role("button", name="Start microphone").click()
    expect(page.locator("#state")).to_have_text("Camera on, microphone on")
    moment = page.locator("#moment")
    expect(moment.get_by_role("row", name=re.compile("^sound"))).to_be_visible()
    expect(moment.get_by_role("row", name=re.compile("^video"))).to_be_visible()
    expect(page.locator("#level-text")).to_have_text(re.compile(r"−\d+ dB"))
    page.get_by_role("button", name="Stop camera").click()
    page.get_by_role("button", name="Stop microphone").click()
    expect(page.locator("#state")).to_have_text("Camera off, microphone off")
    assert not page.evaluate(drawn)
    samples, rate = listening_model.heard
    strength = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    assert rate == 16_000
    assert frequency[strength.argmax()] == pytest.approx(tools.TONE_HZ, abs=1)
    beside = np.abs(frequency - tools.TONE_HZ) > 30
    assert strength[beside].max() < strength.max() / 100  # what a poor resampler would leave of the device's rate


def test_the_microphone_alone(page):
    page.get_by_role("button", name="Start microphone").click()
    agree(page)
    expect(page.locator("#moment .headline")).to_contain_text("angry")  # a loud tone
    expect(page.locator("#announce")).to_have_text(re.compile("Live: angry"))
    expect(page.locator("#session")).to_contain_text("Probabilities along time")


def test_a_text_its_words_and_a_document(page, tmp_path):
    text = "What a lovely 🙂 surprise this is, lovely and bright"
    article = analyse(page, text)
    expect(article.locator(".words")).to_contain_text(re.compile(r"lovely \([+−]\d\.\d\d\) 🙂 .*surprise"))
    assert article.locator("mark").first.evaluate("mark => mark.firstChild.data") == "What"
    expect(article).to_contain_text("lovely 2×")
    expect(page.locator("#announce")).to_contain_text(re.compile(r"(happy|neutral), \d+"))
    document = tmp_path / "letter.txt"
    document.write_text("Dear friend, the rain has stopped.", encoding="utf-8")
    page.get_by_label("or read a document").set_input_files(document)
    expect(page.get_by_label("Type or paste a text")).to_have_value("Dear friend, the rain has stopped.")
    expect(page.locator("#text-answer h3")).to_have_text("letter.txt")


def test_files_are_dropped(page, tone):
    page.evaluate(
        """async (bytes) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], 'tone.wav', { type: 'audio/wav' }));
        const event = new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true });
        document.getElementById('drop').dispatchEvent(event);
        }""",
        list(tone.read_bytes()),
    )
    answer = page.get_by_role("article", name="Answer to tone.wav")
    expect(answer.locator(".headline")).to_contain_text("angry")
    expect(answer.get_by_role("img", name=re.compile("Timeline of tone.wav.*angry in [12] of"))).to_be_visible()
    for name, strong in (("angry", True), ("happy", False)):
        band = answer.locator("figure g").filter(has=answer.page.get_by_text(name, exact=True)).locator("path.best")
        assert bool(band.first.get_attribute("d")) is strong
    answer.get_by_text("Numbers").click()
    expect(answer.get_by_role("cell", name="angry").nth(1)).to_be_visible()


def test_faces_of_a_picture(page, tmp_path):
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    page.get_by_label("Choose files").set_input_files(tmp_path / "astronaut.png")
    answer = page.get_by_role("article", name="Answer to astronaut.png")
    expect(answer.get_by_role("img", name="astronaut.png: 1 face")).to_be_visible()
    expect(answer.get_by_role("region", name="Faces in astronaut.png").get_by_role("rowheader")).to_have_text("1")


def test_an_interview(page):
    page.get_by_label("Question", exact=True).select_option("own")
    page.get_by_label("Your question").fill("How was the flight?")
    page.get_by_label("Seconds to answer").fill("2")
    page.get_by_role("button", name="Start recording").click()
    agree(page)
    expect(page.get_by_role("timer")).to_contain_text("Starts in")
    expect(page.get_by_role("timer")).to_contain_text("Recording")
    expect(page.locator("#state")).to_have_text("Camera on, microphone on")
    transcript = page.get_by_label("What was said")
    expect(transcript).to_be_focused()
    expect(page.locator("#state")).to_have_text("Camera off, microphone off")
    transcript.fill("It was quiet up there.")
    page.get_by_role("button", name="Analyse recording").click()
    answer = page.get_by_role("article", name="Answer to How was the flight?")
    expect(answer.get_by_role("row", name=re.compile("^video"))).to_be_visible()
    expect(answer.get_by_role("row", name=re.compile("^text"))).to_be_visible()
    expect(answer.get_by_role("img", name=re.compile("Timeline of How was"))).to_be_visible()
    expect(page.get_by_label("Your recording")).to_be_hidden()


def test_dashboards_saving_and_deleting(page, tone, tmp_path):
    analyse(page, "A bright and lovely morning, and nothing else to say")
    page.get_by_label("Choose files").set_input_files(tone)
    boards = page.locator("#boards")
    expect(boards).to_contain_text("Probabilities along time: tone.wav")
    for title in (
        "Share per emotion",
        "Contribution of each modality",
        "You and the reference cohort",
        "Word importance",
    ):
        expect(boards.locator("figcaption").filter(has_text=title)).to_be_visible()
    expect(boards).to_contain_text(re.compile(r"Most frequent emotion\.\s*angry"))
    boards.get_by_text("Numbers of You and the reference cohort").click()
    expect(boards.get_by_role("row", name="happy")).to_have_text(re.compile("happy.*30"))
    page.get_by_label("Show").select_option(label="2. tone.wav")
    expect(boards).not_to_contain_text("Word importance")
    page.get_by_label("Show").select_option("")

    with page.expect_download() as json_file:
        page.get_by_role("button", name="Save as JSON").click()
    saved = json.loads(Path(json_file.value.path()).read_text(encoding="utf-8"))
    assert [item["name"] for item in saved["items"]] == [saved["items"][0]["name"], "tone.wav"]
    assert saved["model"]["name"] == "miniature"
    with page.expect_download() as html_file:
        page.get_by_role("button", name="Save as HTML").click()
    html_file.value.save_as(tmp_path / "session.html")
    written = (tmp_path / "session.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|\bsrc=|url\(|@import", written)
    assert "tone.wav" in written

    page.get_by_role("button", name="Start microphone").click()
    agree(page)
    expect(page.locator("#state")).to_have_text("Camera off, microphone on")
    assert not page.evaluate(ENDED)
    page.get_by_role("button", name="Delete everything").click()
    expect(page.locator("#announce")).to_contain_text("Deleted")
    expect(page.locator("#state")).to_have_text("Camera off, microphone off")
    assert page.evaluate(ENDED)
    expect(boards).to_have_text(re.compile("Nothing yet"))
    expect(page.locator("article")).to_have_count(0)
    expect(page.get_by_label("Type or paste a text")).to_have_value("")
    expect(page.get_by_role("button", name="Save as JSON")).to_be_disabled()
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie, caches.keys ? 0 : 1]") == [
        0,
        0,
        "",
        0,
    ]
    page.get_by_role("button", name="Start microphone").click()
    expect(page.get_by_role("dialog")).to_be_visible()  # consent was deleted too


def test_a_saved_session_opens_by_itself(browser, page, tone, tmp_path):
    page.get_by_label("Choose files").set_input_files(tone)
    expect(page.get_by_role("article", name="Answer to tone.wav")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as HTML").click()
    saved.value.save_as(tmp_path / "session.html")
    alone = browser.new_page(offline=True)
    alone.goto((tmp_path / "session.html").as_uri())
    expect(alone.get_by_role("heading", level=1)).to_have_text("Session with miniature")
    expect(alone.get_by_role("img", name=re.compile("Timeline of tone.wav")).first).to_be_visible()
    assert alone.evaluate("getComputedStyle(document.querySelector('rect.best')).fill") != "rgb(0, 0, 0)"
    alone.context.close()
