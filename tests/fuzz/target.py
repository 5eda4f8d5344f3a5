"""What a fuzz target is: a door, the miniature inputs it starts from, and the errors that it may raise."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parents[1]
CELLS = (
    b"",
    b"nan",
    b"-1",
    b"1e999",
    b'"',
    b"\xff\xfe",
    b"inf",
    b"0x1",
    b"1.5",
    b"9" * 400,
    b"x\0y",
    b"True",
    b"\xc3\xa9",
)
Mutator = Callable[[bytes, random.Random, Callable[[bytes], bytes]], bytes]


@dataclass(frozen=True)
class Target:
    """A door through which bytes of others come in.

    Attributes
    ----------
    door : callable
        Takes bytes; raises nothing but ``allowed``.
    seeds : mapping of str to bytes
        Whole inputs, made by code.
    allowed : tuple of type
        The errors that the door documents.
    mutate : callable, optional
        Takes an input, a source of chance and what changes plain bytes; returns an input whose outer structure (archive,
        checksums) is right again, so that what lies behind it is reached.
    rss_mb : int
        Memory of the process beyond which an input is a finding.
    max_bytes : int
        Longest input.
    """

    door: Callable[[bytes], object]
    seeds: Mapping[str, bytes]
    allowed: tuple[type[Exception], ...]
    mutate: Mutator | None = None
    rss_mb: int = 2048
    max_bytes: int = 2**17


def beside(path: str) -> ModuleType:
    """Return a module of the tests, which are no package, by its path below their folder."""
    name = Path(path).stem
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TESTS / path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def take(data: bytes) -> tuple[int, bytes]:
    """Return the last byte, which chooses among the ways to open a door, and what stands before it."""
    return (data[-1], data[:-1]) if data else (0, b"")


def cells_changed(content: bytes, chance: random.Random) -> bytes:
    """Return a table with cells replaced, lines doubled, dropped or cut."""
    lines = content.split(b"\n")
    number = chance.randrange(len(lines))
    separator = max((b",", b"\t", b";", b"|", b" "), key=lines[number].count)
    cells = lines[number].split(separator)
    way = chance.random()
    if way < 0.6:
        cells[chance.randrange(len(cells))] = chance.choice(CELLS)
        lines[number] = separator.join(cells)
    elif way < 0.75:
        lines[number] = separator.join(cells[: chance.randrange(len(cells) + 1)])
    elif way < 0.9:
        lines.insert(number, lines[number])
    else:
        del lines[number]
    return b"\n".join(lines)


def cells_or_bytes(data: bytes, chance: random.Random, change: Callable[[bytes], bytes]) -> bytes:
    """Return a table with other cells or other bytes; its last byte is no part of the table."""
    if chance.random() < 0.4 and data.count(b"\n") > 1:
        return cells_changed(data[:-1], chance) + data[-1:]
    return change(data)
