"""Who can use the page, and when: consent, keyboard, screen readers, small screens, tokens, and models that read less."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

SECTIONS = ["Live", "Text", "Files", "Interview", "Dashboards"]
SERIOUS = {"serious", "critical"}
TOKEN = "a-token-of-the-tests-0123456789"

spec = importlib.util.spec_from_file_location("browser_tools", Path(__file__).with_name("browser.py"))
tools = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tools)
agree, analyse = tools.agree, tools.analyse
listening_model, address, browser, open_page, page, tone = (
    getattr(tools, name) for name in ("listening_model", "address", "browser", "open_page", "page", "tone")
)


@pytest.mark.parametrize("refuse", ["button", "escape"])
def test_no_device_opens_before_somebody_agrees(open_page, refuse):
    page = open_page()
    page.get_by_role("button", name="Start camera").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("the service on this machine and nowhere else")
    if refuse == "button":
        dialog.get_by_role("button", name="Not now").click()
    else:
        page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Start camera")).to_be_focused()
    expect(page.locator("#state")).to_have_text("Camera off, microphone off")
    assert page.evaluate("window.opened.length") == 0


def test_everything_is_reached_by_keyboard(page):
    focused = """() => { const here = document.activeElement, style = getComputedStyle(here);
        return [here.id || here.textContent.trim(), style.outlineStyle !== 'none' || style.left === '16px']; }"""
    order = []
    while not order or order[-1] not in ("shown", "BODY"):
        page.keyboard.press("Tab")
        name, visible = page.evaluate(focused)
        assert visible, name
        assert len(order) < 60
        order.append(name)
    wanted = ["Skip to the content", *SECTIONS, "delete", "camera-button", "microphone-button", "text-input"]
    wanted += [
        "document",
        "file-input",
        "question",
        "seconds",
        "use-camera",
        "use-microphone",
        "interview-start",
        "shown",
    ]
    assert [name for name in order if name in wanted] == wanted

    page.locator("#camera-button").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="I agree")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop camera")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Start camera")).to_be_focused()
    page.locator("#text-input").focus()
    page.keyboard.type("By hand")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="Answer to “By hand”")).to_be_visible()


@pytest.mark.parametrize(
    "settings",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing_serious(open_page, settings, tone):
    page = open_page(**settings, reduced_motion="reduce")
    analyse(page, "A bright and lovely morning")
    page.get_by_label("Choose files").set_input_files(tone)
    expect(page.get_by_role("article", name="Answer to tone.wav")).to_be_visible()
    for closed in page.locator("summary").all():
        closed.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious(page) == []
    page.get_by_role("button", name="Start camera").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert serious(page) == []


def serious(page):
    """What axe-core finds, in one line each."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in SERIOUS]


def test_what_the_model_cannot_read_is_disabled_with_the_reason(open_page, fakes):
    with tools.serving(fakes.FakeModel({"text": ("utterance",)})) as url:
        page = open_page(url)
        for name in ("Start camera", "Start microphone", "Start recording"):
            expect(page.get_by_role("button", name=name)).to_be_disabled()
        expect(page.locator("#camera-reason")).to_contain_text("does not read")
        expect(page.locator("#microphone-reason")).to_contain_text("does not read sound")
        expect(page.locator("#interview-reason")).to_contain_text("an interview needs sound or video")
        expect(page.get_by_role("button", name="Analyse text")).to_be_enabled()
        page.get_by_label("Choose files").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"?"})
        expect(page.locator("#files-answers")).to_contain_text("does not read this kind of file (sound)")


def test_a_token_is_asked_for_and_used(open_page, fakes):
    with tools.serving(fakes.FakeModel(), token=TOKEN) as url:
        page = open_page(url, ready=False)
        page.get_by_label("Access token").fill(TOKEN)
        page.get_by_role("button", name="Continue").click()
        analyse(page, "Hello")
        page.get_by_role("button", name="Start microphone").click()
        agree(page)
        expect(page.locator("#moment .headline")).to_contain_text("angry")
        assert len(open_page.troubles) == 1  # the refused request before there was a token
        open_page.troubles.clear()


def test_trouble_is_told_in_one_line(open_page):
    page = open_page()
    problem = page.locator("#text-problem")
    page.get_by_role("button", name="Analyse text").click()
    expect(problem).to_have_text("there is no text yet: type or paste one")
    page.route(
        "**/v1/words",
        lambda route: route.fulfill(status=503, headers={"Retry-After": "2"}, json={"detail": "too busy"}),
    )
    page.get_by_label("Type or paste a text").fill("Hello")
    page.get_by_role("button", name="Analyse text").click()
    expect(problem).to_have_text("too busy (try again in 2 s)")
    page.unroute("**/v1/words")
    page.get_by_role("button", name="Analyse text").click()
    expect(problem).to_be_hidden()
    page.get_by_label("Choose files").set_input_files({"name": "a.xyz", "mimeType": "", "buffer": b"?"})
    expect(page.locator("#files-answers")).to_contain_text("a.xyz: neither its name nor its type says what it is")
    page.get_by_label("Choose files").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"no sound"})
    expect(page.locator("#files-answers")).to_contain_text(re.compile("a.wav: .*audio"))
    assert len(open_page.troubles) == 2  # Chromium notes refused requests in its console
    open_page.troubles.clear()
