"""The management review as a page, or as PDF by Typst; written whole or not at all."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.exports.html import template
from capa_sync.exports.pdf import INSTALL, can_print, pdf_of
from capa_sync.model.review import Review
from capa_sync.output_files import whole_file
from capa_sync.redaction import redacted

REPORT_FORMATS = {".html": "html", ".pdf": "pdf"}
"""End of a file's name -> format."""


def report_format(file: Path) -> str:
    """Return the format by the end of the file's name. Raises UserError, also where what writes it is absent."""
    found = REPORT_FORMATS.get(file.suffix.lower())
    if found is None:
        hint = f"end the name with {' or '.join(REPORT_FORMATS)}"
        raise UserError([Problem(str(file), 0, "this name does not say which format is meant", hint)])
    if found == "pdf" and not can_print():
        raise _without_typst()
    return found


def write_report(file: Path, review: Review) -> None:
    """Write a review; equal reviews give equal bytes.

    Raises UserError: the file's name says no format, Typst is absent, or the file system refuses the file.
    """
    body = _pdf(review) if report_format(file) == "pdf" else _page(review)
    with whole_file(file) as fresh:
        fresh.write_bytes(body)


def _page(review: Review) -> bytes:
    with template("review.html") as page:
        return redacted(page.render(review=review)).encode("utf-8")


def _pdf(review: Review) -> bytes:
    body = pdf_of("review.typ", "review", asdict(review))
    if body is None:
        raise _without_typst()
    return body


def _without_typst() -> UserError:
    return UserError([Problem("", 0, "a PDF needs the library typst", f"{INSTALL}, or end the name with .html")])
