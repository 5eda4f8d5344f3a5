"""The tutorial as a page: its cells and their outputs, as the executed notebook holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).with_name("tutorial.ipynb")


def page() -> str:
    """Return the tutorial."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        parts += [_output(output) for output in cell["outputs"]]
    where = "This page is `docs/tutorial.ipynb` as it was run, made from `docs/tutorial.py` by `make notebook`."
    return "\n\n".join([*parts, where, ""])


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {"text/plain": output.get("text", "")})
    for kind, shape in (("image/svg+xml", "chart"), ("text/html", "output")):
        if kind in data:
            return f'```{{raw}} html\n<div class="{shape}">{"".join(data[kind]).strip()}</div>\n```'
    return f"```{{code-block}} text\n:class: said\n\n{''.join(data['text/plain']).rstrip()}\n```"
