"""Writes PDF by Typst: a template of this package, and texts that are data for it, never its source."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import orjson

from capa_sync.exports.html import edited_template, shown
from capa_sync.redaction import redacted

INSTALL = "`python -m pip install 'capa-sync[report]'`"
"""What brings the library."""


def can_print() -> bool:
    """Return whether Typst is installed; a long job asks before it begins."""
    return find_spec("typst") is not None


def pdf_of(template: str, name: str, content: Any) -> bytes | None:
    """Return the PDF of a template that reads its content as JSON from the input `name`; None without Typst.

    Equal content gives equal bytes. No ticket can write markup. Raises UserError: the template was edited, and has a
    mistake.
    """
    return prepared_pdf(template, name, content)()


def prepared_pdf(template: str, name: str, content: Any) -> Callable[[], bytes | None]:
    """Return what makes the PDF as `pdf_of` does, in any thread: almost all of it is done outside the interpreter.

    Raises UserError as `pdf_of` does: now or then.
    """
    if not can_print():
        return lambda: None
    import typst

    try:
        source = files("capa_sync.exports").joinpath("templates", template).read_bytes()
    except FileNotFoundError:
        raise edited_template(template, 0, "it is not there") from None
    data = redacted(orjson.dumps(_visible(content), default=str).decode())

    def made() -> bytes:
        try:
            body: bytes = typst.compile(source, format="pdf", sys_inputs={name: data})
        except typst.TypstError as error:
            raise edited_template(template, 0, str(error)) from None
        return body

    return made


def _visible(value: Any) -> Any:
    """Return a value with its texts as people may see them: without characters that hide or turn."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {name: _visible(inner) for name, inner in value.items()}
    return [_visible(inner) for inner in value] if isinstance(value, list | tuple) else value
