"""The site is built without a warning, covers what there is, loads nothing from elsewhere, and its checks see what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import emofuse
import pytest
from emofuse.experiments.study import shipped_studies

ROOT = Path(emofuse.__file__).parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; its own checks of examples, links, commands and files have passed."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, DOCS / "build.py", "--out", folder],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 problems" in done.stdout
    return folder


@pytest.fixture(scope="module")
def check():
    """The module of the site's checks."""
    sys.path.insert(0, str(DOCS))
    try:
        import check

        yield check
    finally:
        sys.path.remove(str(DOCS))


def page(site, name):
    return (site / name).read_text(encoding="utf-8")


def test_every_study_has_its_page(site):
    index = page(site, "studies/index.html")
    for name in shipped_studies():
        assert f'href="{name}.html"' in index
        assert f"experiments/studies/{name}.toml" in page(site, f"studies/{name}.html")


def test_every_measured_study_shows_its_verdict_and_its_chart(site, check):
    import pages_studies

    measured = pages_studies.kept()
    assert measured
    for item in measured:
        shown = page(site, f"studies/{item['study']}.html")
        assert item["verdict"].partition(" (")[0] in shown.replace("&lt;", "<")
        assert shown.count("<svg") > 0


def test_every_command_has_its_page_with_every_option(site, check):
    import pages_commands

    assert {"demo", "run", "train", "predict", "serve"} <= set(pages_commands.commands())
    for name in pages_commands.commands():
        shown = page(site, f"commands/{name.replace(' ', '-')}.html")
        assert [option for option in pages_commands.options_of(name) - {"-h", "--help"} if option not in shown] == []
    assert {"--json", "--samples", "--jobs"} <= pages_commands.options_of("run")


def test_every_public_name_leads_to_what_it_is(site):
    shown = page(site, "api/public.html")
    for name in emofuse.__all__:
        if name != "__version__":
            found = getattr(emofuse, name)
            assert f'href="{found.__module__}.html#{found.__module__}.{found.__qualname__}"' in shown


def test_every_module_has_its_page(site, check):
    import pages_api

    assert [name for name in pages_api.modules() if not (site / "api" / f"{name}.html").is_file()] == []


def test_guides_are_there(site):
    for name in ("quickstart", "tutorial", "concepts", "protocol", "strategies", "deployment", "threats", "scaling", "modality",
                 "corpus", "changelog", "licences"):  # fmt: skip
        assert f'href="{name}.html"' in page(site, "index.html")
        assert "made:" not in page(site, f"{name}.html")


def test_pages_that_load_from_elsewhere_or_lead_nowhere_are_found(check, tmp_path):
    (tmp_path / "a.html").write_text(
        '<script src="https://cdn.example/x.js"></script><a href="b.html">b</a><a href="#here">c</a><a href="http:/x">d</a>'
        '<p id="there"></p><a href="a.html#there">e</a><a href="https://example.org/page">f</a>'
    )
    (tmp_path / "a.css").write_text("@import 'x'; p { background: url(https://cdn.example/p.png) }")
    assert sorted(check.pages(tmp_path)) == [
        "a.css: loads from elsewhere",
        "a.css: loads from elsewhere",
        "a.html: #here leads to no anchor",
        "a.html: b.html leads to no file",
        "a.html: http:/x is no address",
        "a.html: loads https://cdn.example/x.js",
    ]


def test_files_links_and_commands_that_are_not_there_are_found(check, tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "SYSTEMS.md").write_text("")
    (tmp_path / "README.md").write_text(
        "`features/gone.py` and [this](gone.md), `emofuse run mine.toml --sampels t.csv`\n"
        "```\nemofuse fly\nemofuse run x --root R\n```\n"
    )
    assert sorted(check.mentions(tmp_path)) == [
        "README.md: emofuse run has no option --sampels",
        "README.md: gone.md leads to no file",
        "README.md: there is no command emofuse fly",
        "README.md: there is no file features/gone.py",
    ]


def test_an_example_that_does_not_hold_is_found(check, tmp_path):
    (tmp_path / "guide.md").write_text("```pycon\n>>> 1 + 1\n3\n\n```\n")
    (found,) = check.examples(tmp_path)
    assert found.startswith("guide.md: an example fails:") and "Got:\n    2" in found


def test_a_broken_guide_stops_the_build(tmp_path):
    guide = "(folder.mkdir(), (folder / 'index.md').write_text('# A\\n\\n[b](c.md)'))"
    code = f"import build; build.write_sources = lambda folder: {guide}; raise SystemExit(build.main())"
    arguments = ("--out", tmp_path / "site", "--jobs", "1")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=DOCS
    )
    assert done.returncode == 1
    assert "c.md" in done.stderr
