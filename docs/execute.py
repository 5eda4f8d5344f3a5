"""Write docs/tutorial.ipynb, with its outputs, from docs/tutorial.py: what ``make notebook`` runs."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

SOURCE = Path(__file__).with_name("tutorial.py")


def main() -> None:
    """Run every cell in a new kernel; names and metadata are the same each time, so that only outputs can differ."""
    notebook = jupytext.read(SOURCE)
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number:02d}", {}
    NotebookClient(notebook, kernel_name="python3", timeout=900, record_timing=False).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.validate(notebook)
    SOURCE.with_suffix(".ipynb").write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
