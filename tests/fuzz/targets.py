"""Every fuzz target by its name; what makes one is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from target import Target

ROOMS = {
    "targets_media": ("sound", "video", "streams", "pictures", "recordings"),
    "targets_tables": ("tables", "openface", "studies", "archives", "corpora", "store"),
    "targets_text": ("transcripts", "text", "documents"),
    "targets_models": ("bundle", "boosters", "estimators"),
    "targets_service": ("service",),
}


def _made(room: str, name: str) -> Target:
    target: Target = getattr(import_module(room), name)()
    return target


TARGETS: dict[str, Callable[[], Target]] = {
    name: partial(_made, room, name) for room, names in ROOMS.items() for name in names
}
