"""Reads a settings file and the CAPA_SYNC_ variables; every mistake becomes one line with its place."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError as UnreadVariable

from capa_sync.errors import Problem, SettingsError, UserError
from capa_sync.model.userfile import decoded, read_user_file
from capa_sync.settings.bounds import LARGEST, MOST_PROBLEMS, beyond_bounds
from capa_sync.settings.lines import find_line
from capa_sync.settings.schema import CheckedSettings, Settings
from capa_sync.settings.toml_words import toml_problem

PREFIX = "CAPA_SYNC_"
HIDDEN = frozenset({"CAPA_SYNC_TEST_CLOCK", "CAPA_SYNC_TEST_KILL_AT"})
"""Variables for our own tests; they are no settings."""

_SECRET_KEYS = ("token", "password", "secret", "client_secret", "api_key", "key")


def load_settings(file: Path, environ: Mapping[str, str], *, with_calendars: bool = True) -> Settings:
    """Read and check a settings file together with the environment.

    `with_calendars` False leaves the codes of `holidays` unchecked, for commands that evaluate no rules.

    Raises SettingsError with one Problem for each mistake; it never shows a value that may be a secret.
    """
    text = _read(file)
    problem = beyond_bounds(file, text)
    if problem is not None:
        raise SettingsError([problem])
    try:
        return _checked(CheckedSettings if with_calendars else Settings, file, text, environ)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([toml_problem(str(file), text, error)]) from None
    except RecursionError:
        raise SettingsError([Problem(str(file), 1, "the file or a variable is nested too deep")]) from None


def _checked(model: type[Settings], file: Path, text: str, environ: Mapping[str, str]) -> Settings:
    content = tomllib.loads(text)
    problems = list(_unknown_variables(environ, content))
    try:
        settings = model(**content)
    except ValidationError as error:
        details = [detail for detail in error.errors(include_input=False) if not _is_reported(detail, environ)]
        problems += [_problem(file, text, environ, detail) for detail in details[:MOST_PROBLEMS]]
        if len(details) > MOST_PROBLEMS:
            problems.append(
                Problem(str(file), 1, f"{len(details) - MOST_PROBLEMS} more mistakes are not listed here")
            )
    except UnreadVariable as error:
        problems.append(_no_json(error))
    if problems:
        raise SettingsError(problems)
    return settings


def _read(file: Path) -> str:
    try:
        if not file.exists():
            hint = "run `capa-sync init FOLDER` for a commented starter, or name your file with --config"
            raise SettingsError([Problem(str(file), 0, "there is no such settings file", hint)])
        text = decoded(read_user_file(file, str(file), LARGEST), str(file))
        return text.removeprefix("\ufeff")  # editors on Windows begin a file with this mark
    except SettingsError:
        raise
    except UserError as error:
        raise SettingsError(error.problems) from None
    except (OSError, ValueError) as error:  # the name is not allowed for a file
        raise SettingsError([Problem("", 0, f"no file can have the name given with --config: {error}")]) from None


def _problem(file: Path, text: str, environ: Mapping[str, str], detail: Any) -> Problem:
    """Turn one pydantic error into a problem for an admin, with the variable or the line of the mistake."""
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    path += tuple(detail.get("ctx", {}).get("at", ()))  # a key further inside, found by a check of its table
    variable = _variable(path)
    from_variable = variable in environ
    name = variable if from_variable else ".".join(path)
    if detail["type"] == "extra_forbidden":
        what, hint = _unknown_key(name, path)
    else:
        what, hint = f"{name[:200]}: {_words(detail)[:500]}", ""
    if from_variable:
        return Problem("", 0, what, hint)
    return Problem(str(file), find_line(text, path), what, hint)


def _no_json(error: UnreadVariable) -> Problem:
    """Turn the error of pydantic-settings about a list or a table into a problem; its message quotes the name."""
    name = _variable(tuple(re.findall(r'"([a-z_]+)"', str(error))[:1]))
    return Problem("", 0, f"{name}: a list or a table in a variable is written as JSON", f'for example {name}=["…"]')


def _variable(path: tuple[str, ...]) -> str:
    return PREFIX + "__".join(path).upper()


def _is_reported(detail: Any, environ: Mapping[str, str]) -> bool:
    """Return whether an unknown key comes from a variable, which _unknown_variables reports already."""
    return detail["type"] == "extra_forbidden" and _variable(tuple(map(str, detail["loc"]))) in environ


def _words(detail: Any) -> str:
    """Turn pydantic's message into one plain sentence."""
    wanted = _WANTED.get(detail["type"])
    if wanted is not None:
        return wanted.format(**detail.get("ctx", {}))
    message = str(detail["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:] if message.startswith("Input ") else message


_WANTED = {
    "missing": "this key is missing",
    "string_type": 'write text in quotes, as in "text"',
    "int_parsing": "write a whole number, as in 500",
    "int_type": "write a whole number, as in 500",
    "int_from_float": "write a whole number, as in 500",
    "float_parsing": "write a number, as in 0.2",
    "float_type": "write a number, as in 0.2",
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "literal_error": "write one of {expected}",
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write {ge} or more",
    "less_than_equal": "write {le} or less",
    "date_parsing": "write a date, as in 2026-01-01",
    "date_type": "write a date, as in 2026-01-01",
    "date_from_datetime_parsing": "write a date, as in 2026-01-01",
    "model_type": "this is a table, with keys of its own",
    "dict_type": "this is a table, with keys of its own",
    "tuple_type": 'write a list, as in ["a", "b"]',
}
"""Type of a pydantic error -> an instruction for the user."""


def _unknown_key(name: str, path: tuple[str, ...]) -> tuple[str, str]:
    """Return message and hint for an unknown key; the key of a secret gets its own hint."""
    if path[-1] in _SECRET_KEYS:
        return (
            f"there is no setting '{name[:200]}'",
            "a secret never stands in this file: use token_env or token_file",
        )
    known = list(_known_keys(path[:-1]))
    near = difflib.get_close_matches(path[-1][:80], known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(sorted(known))}"
    return f"there is no setting '{name[:200]}'", hint


def _known_keys(table: tuple[str, ...]) -> Iterator[str]:
    """Yield the keys that a table of the settings may hold."""
    model = _model_at(table)
    if model is not None:
        yield from ("register" if name == "register_file" else name for name in model.model_fields)


def _model_at(path: tuple[str, ...]) -> type[BaseModel] | None:
    """Return the model of the table at a path; where the user chooses the names (sources), any name matches."""
    found: Any = Settings
    for part in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(part)
            found = None if field is None else _plain(field.annotation)
        elif get_origin(found) is dict:
            found = _plain(get_args(found)[1])
        else:
            return None
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """Remove None from a union."""
    if get_origin(annotation) in (Union, UnionType):
        return next(arg for arg in get_args(annotation) if arg is not type(None))
    return annotation


def _unknown_variables(environ: Mapping[str, str], content: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each CAPA_SYNC_ variable that is no setting and is not named by an `*_env` key."""
    named = set(_named_variables(content)) | set(_named_variables(environ))
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in HIDDEN or variable in named:
            continue
        path = tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))
        if not _exists(path):
            near = difflib.get_close_matches(path[-1][:80], list(_known_keys(path[:-1])), n=1)
            meant = _variable((*path[:-1], near[0])) if near else ""
            hint = f"did you mean {meant}?" if meant else "see deploy/settings.example.env"
            yield Problem("", 0, f"the variable {variable} is no setting", hint)


def _exists(path: tuple[str, ...]) -> bool:
    """Return whether a path names a key, or an entry of a table whose keys the user chooses."""
    model = _model_at(path[:-1])
    if model is not None:
        return path[-1] in set(_known_keys(path[:-1]))
    return len(path) in {2, 3} and path[0] in {"deadlines", "sources"} and (path[0] == "deadlines" or len(path) == 2)


def _named_variables(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of variables in the values of `*_env` keys."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _named_variables(value)
        elif key.lower().endswith("_env") and isinstance(value, str):
            yield value
