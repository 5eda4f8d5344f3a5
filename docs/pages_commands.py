"""Pages of the command line: one a verb, read off the functions that the program itself is made of."""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import typer
from emofuse.cli import app
from typer.models import ArgumentInfo

KINDS = {Path: "PATH", str: "TEXT", int: "INTEGER", float: "NUMBER"}


@dataclass(frozen=True)
class Parameter:
    """An argument or an option: how it is written, what it takes, what it is for, and what stands where it is left out."""

    written: tuple[str, ...]
    kind: str
    told: str
    default: str
    argument: bool
    many: bool


def commands() -> dict[str, Callable[..., Any]]:
    """Return the function of every verb by its name, those of groups by both words, in the order of ``emofuse --help``."""
    return _commands(app)


def options_of(name: str) -> set[str]:
    """Return every option that a verb takes, as it is written."""
    return {"--help", "-h", *(word for found in _parameters(commands()[name]) for word in found.written)}


def pages() -> dict[str, str]:
    """Return the pages by their paths in the sources: one a verb, and an overview."""
    known = commands()
    found = {f"commands/{_file(name)}.md": _page(name, command) for name, command in known.items()}
    lines = [
        "# Commands",
        "",
        "Errors are one line on stderr, exit status 2. `emofuse VERB --help` prints what stands here.",
        "",
    ]
    lines += ["| command | what it does |", "| --- | --- |"]
    lines += [f"| [{name}]({_file(name)}.md) | {_cell(_told(command)[0])} |" for name, command in known.items()]
    lines += ["", "```{toctree}", ":hidden:", "", *(_file(name) for name in known), "```", ""]
    return found | {"commands/index.md": "\n".join(lines)}


def _commands(program: typer.Typer) -> dict[str, Callable[..., Any]]:
    found = {
        item.name or item.callback.__name__.replace("_", "-"): item.callback
        for item in program.registered_commands
        if item.callback
    }
    for group in program.registered_groups:
        assert group.typer_instance is not None
        name = group.name if isinstance(group.name, str) else group.typer_instance.info.name
        found |= {f"{name} {verb}": command for verb, command in _commands(group.typer_instance).items()}
    return found


def _file(name: str) -> str:
    return name.replace(" ", "-")


def _page(name: str, command: Callable[..., Any]) -> str:
    known = _parameters(command)
    arguments = [found for found in known if found.argument]
    options = [found for found in known if not found.argument]
    usage = " ".join(["emofuse", name, *(_usage(found) for found in arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"# {name}", "", *_told(command), "", f"```\n{usage}\n```", ""]
    for heading, rows in (("Arguments", arguments), ("Options", options)):
        if rows:
            lines += [f"## {heading}", "", "| | what it is | default |", "| --- | --- | --- |"]
            lines += [f"| {_words(found)} | {_cell(found.told)} | {found.default} |" for found in rows] + [""]
    return "\n".join(lines)


def _parameters(command: Callable[..., Any]) -> list[Parameter]:
    hints = get_type_hints(command, include_extras=True)
    found = []
    for name, parameter in inspect.signature(command).parameters.items():
        kind, info, *_ = get_args(hints[name])
        argument = isinstance(info, ArgumentInfo)
        plain = (
            next((part for part in get_args(kind) if part is not types.NoneType), kind)
            if get_origin(kind) is types.UnionType
            else kind
        )
        many = get_origin(plain) is list
        plain = get_args(plain)[0] if many else plain
        # Beside a hint, the first of an option's names stands where its default would.
        named = tuple(word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str))
        written = (info.metavar or name.upper(),) if argument else named or (f"--{name.replace('_', '-')}",)
        found.append(
            Parameter(written, KINDS.get(plain, ""), info.help or "", _default(name, parameter.default), argument, many)
        )
    return found


def _default(name: str, value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "needed"
    if name == "jobs" and value == (os.cpu_count() or 1):
        return "processors of the machine"
    return "" if value in (None, False) else f"`{value}`"


def _told(command: Callable[..., Any]) -> list[str]:
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return [line for paragraph in paragraphs for line in (" ".join(paragraph.split()), "")][:-1]


def _usage(found: Parameter) -> str:
    shown = found.written[0] + ("..." if found.many and "..." not in found.written[0] else "")
    return shown if found.default == "needed" else f"[{shown}]"


def _words(found: Parameter) -> str:
    if found.argument:
        return f"`{_usage(found)}`"
    shown = f"`{', '.join(found.written)}{f' {found.kind}' if found.kind else ''}`"
    return f"{shown}, any number of times" if found.many else shown


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
