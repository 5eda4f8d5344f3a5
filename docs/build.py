"""Build the site: put its sources together, run Sphinx with every warning an error, then check examples and links.

``python docs/build.py [--out build/site]`` is what ``make docs`` runs. Nothing is downloaded, and the pages load nothing from
elsewhere.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

import check  # noqa: E402
import pages_api  # noqa: E402
import pages_commands  # noqa: E402
import pages_parts  # noqa: E402
import pages_studies  # noqa: E402
import pages_tutorial  # noqa: E402
from sphinx.cmd.build import build_main  # noqa: E402

ROOT = DOCS.parent


def write_sources(folder: Path) -> None:
    """Write every page's source below a folder that is made anew: guides, and what is made from code and results."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = {path.name: pages_parts.filled(path.read_text(encoding="utf-8")) for path in sorted(DOCS.glob("*.md"))}
    pages["changelog.md"] = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    pages["tutorial.md"] = pages_tutorial.page()
    pages |= pages_studies.pages() | pages_commands.pages() | pages_api.pages()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages_parts.plain(text) if path.suffix == ".md" else text, encoding="utf-8")


def main() -> int:
    """Build and check; return 0 where nothing is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="folder of the pages; made anew")
    parser.add_argument("--jobs", default="auto", help="processes of Sphinx")
    given = parser.parse_args()
    sources = given.out.with_name(f"{given.out.name}-sources")
    write_sources(sources)
    shutil.rmtree(given.out, ignore_errors=True)
    trees = given.out.with_name(f"{given.out.name}-trees")
    shutil.rmtree(trees, ignore_errors=True)
    strict = ["--fail-on-warning", "--keep-going", "--quiet", "--jobs", given.jobs]
    status = build_main(["-b", "html", "-c", str(DOCS), "-d", str(trees), *strict, str(sources), str(given.out)])
    problems = [*check.examples(DOCS), *check.pages(given.out), *check.mentions(ROOT)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{given.out / 'index.html'}: {len(list(given.out.rglob('*.html')))} pages, {len(problems)} problems")
    return 1 if status or problems else 0


if __name__ == "__main__":
    sys.exit(main())
