"""Pages of the reference: one a module, by room, and one of the public names."""

from __future__ import annotations

import ast
from pathlib import Path

import emofuse

ROOT = Path(emofuse.__file__).parent
# What a room is for, in the order in which signals pass through them.
ROOMS = {
    "features": "one signal in, named numbers out",
    "classifiers": "one block of features in, class probabilities out",
    "fusion": "several blocks in, one decision out",
    "experiments": "corpora, protocols, studies, runs, statistics and reports",
    "inference": "the model file, predictions, streams and the service",
}


def modules() -> dict[str, str]:
    """Return every module that ships, by its dotted name, with the first sentence of its docstring."""
    files = [ROOT / "cli.py", *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))]
    found = {}
    for path in files:
        parts = ["emofuse", *path.relative_to(ROOT).with_suffix("").parts]
        dotted = ".".join(parts).removesuffix(".__init__")
        found[dotted] = _first_line(path)
    return dict(sorted(found.items()))


def pages() -> dict[str, str]:
    """Return the pages of the reference by their paths in the sources."""
    known = modules()
    found = {"api/index.md": _index(), "api/public.md": _public()}
    for room, purpose in ROOMS.items():
        own = {name: line for name, line in known.items() if f"{name}.".startswith(f"emofuse.{room}.")}
        found[f"api/{room}.md"] = _room(room, purpose, own)
        found |= {f"api/{name}.rst": _module(name) for name in own}
    found["api/emofuse.cli.rst"] = _module("emofuse.cli")
    return found


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].strip()


def _module(name: str) -> str:
    heading = name.removeprefix("emofuse.")
    room = heading.partition(".")[0]
    above = f":doc:`{room} <{room}>`" if room in ROOMS else ":doc:`reference <index>`"
    return (
        f":orphan:\n\n{heading}\n{'=' * len(heading)}\n\n*Module* ``{name}`` *of* {above}.\n\n"
        f".. automodule:: {name}\n   :members:\n   :show-inheritance:\n   :ignore-module-all:\n"
    )


def _room(room: str, purpose: str, own: dict[str, str]) -> str:
    lines = [f"# {room}: {purpose}", "", "| module | why it is there |", "| --- | --- |"]
    lines += [f"| [{name.removeprefix('emofuse.')}]({name}.rst) | {_cell(line)} |" for name, line in own.items()]
    return "\n".join([*lines, ""])


def _index() -> str:
    lines = [
        "# Reference",
        "",
        "What `import emofuse` offers stands under [public names](public.md); every module, by room:",
        "",
    ]
    lines += [f"- [{room}]({room}.md): {purpose}" for room, purpose in ROOMS.items()]
    lines += ["- [cli](emofuse.cli.rst): the command line, every verb a thin call into one room"]
    lines += ["", "Imports run one way: `features`, `classifiers`, `fusion`, then `experiments` and `inference`.", ""]
    lines += ["```{toctree}", ":hidden:", "", "public", *ROOMS, "```", ""]
    return "\n".join(lines)


def _public() -> str:
    lines = ["# Public names", "", "Loaded on first use, so that `import emofuse` stays cheap.", ""]
    lines += ["| `emofuse.` | what it is |", "| --- | --- |"]
    for name in emofuse.__all__:
        found = getattr(emofuse, name)
        if name == "__version__":
            lines.append(f"| `{name}` | The version, {found}. |")
            continue
        line = (found.__doc__ or "").strip().partition("\n")[0]
        lines.append(f"| {{py:obj}}`{name} <{found.__module__}.{found.__qualname__}>` | {_cell(line)} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").replace("<", "&lt;")
