"""Settings of Sphinx. The sources are put together by build.py; nothing here, and nothing in a page, comes from a network."""

from __future__ import annotations

import re
from typing import Any

import emofuse
from sphinx.domains.python import PyObject
from sphinx.util.docfields import TypedField

project, author = "emofuse", "the authors of emofuse"
copyright = author
version = release = emofuse.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
smartquotes = False  # it makes dashes of the two hyphens of an option
nitpicky = True
# Types are words in the docstrings; only names of the package are looked up.
nitpick_ignore_regex = [(r"py:.*", r"(?!\.|emofuse).*")]

myst_enable_extensions = ["attrs_block", "deflist", "fieldlist"]
myst_heading_anchors = 4
myst_url_schemes = ["http", "https", "mailto"]

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_use_type_comments = False
napoleon_google_docstring = False
# As fields of attributes, names that end in _ would lose it.
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
napoleon_preprocess_types = False
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "emofuse"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_use_index = True
pygments_style, pygments_dark_style = "friendly", "github-dark"


FOOTNOTE = re.compile(r"^(\s*)\.\. \[(\d)\] ")


def skipped(_app: Any, _what: str, name: str, *_: Any) -> bool | None:
    """Leave out what scikit-learn and pydantic add to a class."""
    return True if name.endswith("_request") or name in ("model_config", "model_post_init") else None


def public(_app: Any, _name: str, _found: Any, _options: Any, bases: list[Any]) -> None:
    """Leave out bases that the reference does not show."""
    bases[:] = [base for base in bases if not base.__name__.startswith("_")] or [object]


def labelled(_app: Any, _what: str, name: str, _found: Any, _options: Any, lines: list[str]) -> None:
    """Give the footnotes of a docstring labels of their own: every docstring of a page begins to count at one."""
    label = re.sub(r"\W", "-", name)
    whole, found = "\n".join(lines), []
    for line in lines:
        note = FOOTNOTE.match(line)
        if note:  # a reference that no sentence points to is an item of a list
            own = rf"\1.. [#{label}-\2] " if f"[{note[2]}]_" in whole else r"\1-  "
            found += ["", FOOTNOTE.sub(own, line)]
        else:
            found.append(re.sub(r"\[(\d)\]_", rf"[#{label}-\1]_", line))
    lines[:] = found


def setup(app: Any) -> None:
    """Hear what autodoc finds; types in docstrings are words, of which "width" is no reference to any attribute."""
    app.connect("autodoc-skip-member", skipped)
    app.connect("autodoc-process-bases", public)
    app.connect("autodoc-process-docstring", labelled)
    for field in PyObject.doc_field_types:
        if isinstance(field, TypedField):
            field.typerolename = ""
