"""Extraction against plain library loops, side by side in one run: ``python -m emofuse.experiments.benchmarks.extraction``."""

from __future__ import annotations

import sys

from rich.console import Console

from . import eeg, face, face_video, sound, text

PARTS = {"sound": sound, "face": face, "face_video": face_video, "text": text, "eeg": eeg}


def main() -> None:
    """Measure the modalities named on the command line, or all: how many times as fast as the plain loop is each one?"""
    console = Console(width=140, highlight=False)
    console.print(f"{'extraction':<56}{'ours':>10}{'plain':>10}{'ratio':>10}  target")
    for name in sys.argv[1:] or PARTS:
        for row in PARTS[name].measure():
            ratio = row.plain_s / row.ours_s
            console.print(f"{row.name:<56}{row.ours_s:>8.3f} s{row.plain_s:>8.3f} s{ratio:>8.2f} x  {row.target}")


if __name__ == "__main__":
    main()
