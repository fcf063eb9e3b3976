"""Pages that read on their own: no script, no request to any host, every text escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capa_sync.errors import Problem, UserError
from capa_sync.exports.cells import in_words
from capa_sync.exports.extract import Extract
from capa_sync.exports.sheets import SHEETS, Sheet
from capa_sync.exports.times import shown_value
from capa_sync.model.visible import lines, one_line

if TYPE_CHECKING:
    from jinja2 import Environment, Template

HTML_TABLES = ("register", "actions", "findings", "waivers")
"""The tables of the page; the changes of many tickets are too many to read, and the evidence pack has a ticket's."""
_BLOCKS = frozenset(name for name in HTML_TABLES if not SHEETS[name].fits_in_print)
"""Of these each row is a block on paper."""


def environment() -> Environment:
    """Return the templates of this package, which escape what they show."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

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
    """Yield a template of this package. Raises UserError: somebody edited it, and it has a mistake.

    The library is imported here: a pack does it while its PDF is made.
    """
    from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

    try:
        yield environment().get_template(name)
    except TemplateNotFound as error:
        raise edited_template(error.message or name, 0, "it is not there") from None
    except TemplateSyntaxError as error:
        raise edited_template(error.name or name, error.lineno, str(error)) from None
    except UnicodeDecodeError as error:
        raise edited_template(name, 0, f"it, or a file that it includes, is no UTF-8 text: {error.reason}") from None
    except Exception as error:
        code, is_its_own = _template_code(error)
        if not is_its_own and not isinstance(error, TemplateError):
            raise
        file, line = code or (name, 0)
        raise edited_template(file or name, line, str(error)) from None


def _template_code(error: Exception) -> tuple[tuple[str, int] | None, bool]:
    """Return file and line of the last template code that an error went through, and whether it arose there."""
    found, is_last, step = None, False, error.__traceback__
    while step is not None:
        is_last = "__jinja_exception__" in step.tb_frame.f_globals
        if is_last:
            file = Path(step.tb_frame.f_code.co_filename)
            found = (file.name if file.is_file() else "", step.tb_lineno)
        step = step.tb_next
    return found, is_last


def edited_template(name: str, line: int, why: str) -> UserError:
    """Return what to say of a template that has a mistake, which the ones of a release have not."""
    hint = "if it was edited, install capa-sync again, else report it; nothing was written"
    return UserError(
        [Problem(f"capa_sync/exports/templates/{name}", line, f"this template has a mistake: {one_line(why)}", hint)]
    )


def shown(value: Any) -> str:
    """Return a value for people: no text for none, and no character that is not seen or turns the line."""
    return lines(in_words(value))


def is_address(value: Any) -> bool:
    """Return whether a value is an address that a browser may open."""
    return str(value).startswith(("https://", "http://"))


def write_html(
    path: Path, extract: Extract, about: Mapping[str, Any], zone: str, advance: Callable[[str, int], None]
) -> dict[str, int]:
    """Write one self-contained page with the tables and what was exported; return table -> number of rows.

    Its times are those of `zone`, as people read them.
    """
    counts = dict.fromkeys(HTML_TABLES, 0)

    def counted(name: str, sheet: Sheet) -> Iterator[Sequence[Any]]:
        for row in extract.rows(sheet.view, sheet.names):
            counts[name] += 1
            advance(name, counts[name])
            yield [shown_value(column, value, zone) for column, value in zip(sheet.names, row, strict=True)]

    tables = [(name, SHEETS[name], counted(name, SHEETS[name])) for name in HTML_TABLES]
    content = {"tables": tables, "about": _with_times(about, zone), "counts": counts, "blocks": _BLOCKS}
    with template("register.html") as page, path.open("w", encoding="utf-8", newline="\n") as file:
        for piece in page.generate(content):
            file.write(piece)
    return counts


def _with_times(about: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """Return what an export says of itself, with times as people read them."""
    sources = [
        {name: shown_value(name, value, zone) for name, value in source.items()} for source in about["sources"]
    ]
    return {name: shown_value(name, value, zone) for name, value in about.items()} | {"sources": sources}
