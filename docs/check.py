"""Checks of the site: examples run, links lead somewhere, nothing is loaded from elsewhere, commands and files exist."""

from __future__ import annotations

import doctest
import posixpath
import re
import shlex
import sys
import types
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pages_commands
import pages_parts

FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|toml|ipynb|json|yml)|[A-Z]+\.md)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
ADDRESS = re.compile(r"https?://[\w.-]+(?::\d+)?(?:[/?#]\S*)?|mailto:\S+@\S+")
LOADING = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}
RUNS_OF_EXAMPLES = ("runs/", "build/")  # what commands of the guides make


def examples(folder: Path) -> list[str]:
    """Run the examples of every guide below a folder, each page by itself; return what fails.

    The files that CONTRIBUTING.md has the reader write are there for the time of it, as modules of the package.
    """
    problems = []
    added = _contributed()
    try:
        for path in sorted(folder.glob("*.md")):
            problems += _failed(path)
    finally:
        for name in added:
            del sys.modules[name]
    return problems


def pages(folder: Path) -> list[str]:
    """Return what is wrong in built pages: links that lead nowhere, addresses that are none, what loads from elsewhere."""
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    names = sorted(name for name in files if name.endswith(".html"))
    read = {name: _Page((folder / name).read_text(encoding="utf-8")) for name in names}
    problems = []
    for name, page in read.items():
        problems += [f"{name}: loads {url}" for url in page.loaded if urlsplit(url).scheme or url.startswith("//")]
        for url in sorted({*page.links, *page.loaded}):
            parts = urlsplit(url)
            if parts.scheme:
                if not ADDRESS.fullmatch(url) and parts.scheme != "data":
                    problems.append(f"{name}: {url} is no address")
                continue
            path = unquote(parts.path)
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            if target not in files:
                problems.append(f"{name}: {url} leads to no file")
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].anchors:
                problems.append(f"{name}: {url} leads to no anchor")
    for path in folder.rglob("*.css"):
        found = re.findall(r"url\(\s*['\"]?(https?:|//)|@import", path.read_text(encoding="utf-8"))
        problems += [f"{path.name}: loads from elsewhere" for _ in found]
    return problems


def mentions(root: Path) -> list[str]:
    """Return what Markdown of the repository says of it that is not so: files, links, and options of commands."""
    files = [*sorted(root.glob("*.md")), *sorted((root / "docs").glob("*.md")), root / "experiments" / "SYSTEMS.md"]
    written = set(pages_parts.written_by_contributing())
    problems = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root).as_posix()
        for found in sorted(set(FILE.findall(text))):
            rooms = (root, *(root / room for room in ("features", "experiments", "inference", "tests")))
            known = (
                any((base / found).exists() for base in rooms) or found in written or found.startswith(RUNS_OF_EXAMPLES)
            )
            problems += [] if known else [f"{name}: there is no file {found}"]
        made = {"tutorial.md", "changelog.md", "studies/index.md", "commands/index.md", "api/index.md"}
        made |= {f"studies/{study.stem}.md" for study in (root / "experiments" / "studies").glob("*.toml")}
        for link in sorted(set(LINK.findall(re.sub(pages_parts.FENCE, "", text)))):
            where = link.partition("#")[0]
            if not urlsplit(link).scheme and where and where not in made and not (path.parent / where).exists():
                problems.append(f"{name}: {link} leads to no file")
        problems += [f"{name}: {problem}" for line in _commands(text) for problem in _wrong_options(line)]
    return problems


class _Page(HTMLParser):
    """Links, anchors, and what is loaded, of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to, and what it may be referred to by."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])
        elif found.get(LOADING.get(tag, "")):
            self.loaded.add(found[LOADING[tag]])


def _failed(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    code = "\n".join(found["code"] for found in pages_parts.FENCE.finditer(text) if ">>>" in found["code"])
    if not code:
        return
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    said: list[str] = []
    runner.run(doctest.DocTestParser().get_doctest(code, {}, path.name, str(path), 0), out=said.append)
    if said:
        yield f"{path.name}: an example fails:\n{''.join(said)}"


def _contributed() -> list[str]:
    """Make modules of the files that CONTRIBUTING.md writes; return their names."""
    added = []
    for name, code in pages_parts.written_by_contributing().items():
        if name.endswith(".py"):
            dotted = "emofuse." + name.removesuffix(".py").replace("/", ".")
            module = types.ModuleType(dotted)
            module.__package__ = dotted.rpartition(".")[0]
            sys.modules[dotted] = module
            exec(compile(code, name, "exec"), module.__dict__)
            added.append(dotted)
    return added


def _commands(text: str) -> Iterator[str]:
    """Yield every line of a fence, and every word between backticks, that runs the program."""
    for found in pages_parts.FENCE.finditer(text):
        yield from (line for line in found["code"].splitlines() if re.match(r"(?:\$ )?emofuse ", line))
    yield from re.findall(r"`(emofuse [^`]+)`", re.sub(pages_parts.FENCE, "", text))


def _wrong_options(line: str) -> Iterator[str]:
    line = re.sub(r"[\[\]…]", " ", line.removeprefix("$ ").replace("|", " "))
    try:
        words = shlex.split(line, comments=True)[1:]
    except ValueError:
        words = line.split()[1:]
    if not words or not re.fullmatch(r"[a-z]+", words[0]):
        return
    known = pages_commands.commands()
    verb = next((name for name in (" ".join(words[:2]), words[0]) if name in known), None)
    if verb is None:
        yield f"there is no command emofuse {' '.join(words[:2])}"
        return
    options = pages_commands.options_of(verb)
    for word in words:
        option = word.partition("=")[0].rstrip(",;")
        if option.startswith("--") and option not in options:
            yield f"emofuse {verb} has no option {option}"
