"""Readers, one corpus a file: each gives the corpus as a sample table and ready feature tables."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from ...features.errors import CorpusError
from .base import Corpus, CorpusInfo

# A reader is a file in this folder, named after its corpus; what several of them share begins with base.
NAMES = tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("base")))

__all__ = ["NAMES", "Corpus", "CorpusInfo", "corpus_info", "read_corpus"]


def corpus_info(name: str) -> CorpusInfo:
    """Return what can be read of a corpus, under which licence, and where it is to be had."""
    info: CorpusInfo = _reader(name).INFO
    return info


def read_corpus(name: str, root: str | os.PathLike[str]) -> Corpus:
    """Read a corpus as its publisher ships it.

    Parameters
    ----------
    name : str
        One of ``NAMES``.
    root : path
        Folder (or zip archive) of the corpus.

    Returns
    -------
    Corpus

    Raises
    ------
    CorpusError
        Unknown name, or nothing of the corpus below the root: what was looked for, and where to get it.
    """
    reader = _reader(name)
    root = Path(root)
    if not root.exists() and name != "demo":
        raise CorpusError(f"{name}: no folder or archive {str(root)!r}; give its place with --root")
    corpus: Corpus = reader.read(root)
    return corpus


def _reader(name: str) -> ModuleType:
    if name not in NAMES:
        raise CorpusError(f"corpus {name!r} is not known; choose from {', '.join(NAMES)}, or give --samples TABLE.csv")
    return import_module(f".{name}", __name__)
