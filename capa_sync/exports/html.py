"""Pages that read on their own: no script, no request to any host, every text escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError

from capa_sync.errors import Problem, UserError
from capa_sync.exports.extract import Extract
from capa_sync.exports.sheets import SHEETS, Sheet
from capa_sync.model.visible import lines

HTML_TABLES = ("register", "actions", "findings", "waivers")
"""The tables of the page; the changes of many tickets are too many to read, and the evidence pack has a ticket's."""


def environment() -> Environment:
    """Return the templates of this package, which escape what they show."""
    pages = Environment(
        loader=PackageLoader("capa_sync.exports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["shown"] = shown
    pages.tests["address"] = is_address
    return pages


@contextmanager
def template(name: str) -> Iterator[Template]:
    """Yield a template of this package. Raises UserError: somebody edited it, and it has a mistake."""
    try:
        yield environment().get_template(name)
    except TemplateError as error:
        place = error.lineno if isinstance(error, TemplateSyntaxError) else 0
        raise edited_template(name, place, str(error)) from None


def edited_template(name: str, line: int, why: str) -> UserError:
    """Return what to say of a template that has a mistake, which the ones of a release have not."""
    hint = "if it was edited, install capa-sync again, else report it; nothing was written"
    return UserError(
        [Problem(f"capa_sync/exports/templates/{name}", line, f"this template has a mistake: {why}", hint)]
    )


def shown(value: Any) -> str:
    """Return a value for people: no text for none, and no character that is not seen or turns the line."""
    return "" if value is None else lines(str(value))


def is_address(value: Any) -> bool:
    """Return whether a value is an address that a browser may open."""
    return str(value).startswith(("https://", "http://"))


def write_html(
    path: Path, extract: Extract, about: Mapping[str, Any], advance: Callable[[str, int], None]
) -> dict[str, int]:
    """Write one self-contained page with the tables and what was exported; return table -> number of rows."""
    counts = dict.fromkeys(HTML_TABLES, 0)

    def counted(name: str, sheet: Sheet) -> Iterator[Sequence[Any]]:
        for row in extract.rows(sheet.view, sheet.names):
            counts[name] += 1
            advance(name, counts[name])
            yield row

    tables = [(name, SHEETS[name], counted(name, SHEETS[name])) for name in HTML_TABLES]
    with template("register.html") as page, path.open("w", encoding="utf-8", newline="\n") as file:
        for piece in page.generate(tables=tables, about=about, counts=counts):
            file.write(piece)
    return counts
