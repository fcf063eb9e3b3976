"""Turns any unexpected error inside a connector into a fault of its source.

The connectors check the shape of each answer that they know. This is the last guard: an unforeseen shape ends the
source's cycle with a reason, but neither the daemon nor another source.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, ParamSpec, TypeVar

from capa_sync.errors import BadAnswer, CapaSyncError, DeliveryUnknown, place_of

P = ParamSpec("P")
T = TypeVar("T")


def fenced(method: Callable[P, T]) -> Callable[P, T]:
    """Make a connector's reading method raise BadAnswer for unexpected errors; also while its result is iterated.

    Our own errors pass, and so does AssertionError: a write that we refuse ourselves is no answer of a tracker.
    """

    @functools.wraps(method)
    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            found: Any = method(*args, **kwargs)
        except (CapaSyncError, AssertionError):
            raise
        except Exception as error:  # noqa: BLE001 - named in the reason, with its place
            _refuse(args, error)
        return _iterated(args, found) if isinstance(found, Iterator) else found  # type: ignore[return-value]

    return within


def _iterated(args: tuple[Any, ...], found: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from found
    except (CapaSyncError, AssertionError):
        raise
    except Exception as error:  # noqa: BLE001 - named in the reason, with its place
        _refuse(args, error)


def _refuse(args: tuple[Any, ...], error: Exception) -> NoReturn:
    raise BadAnswer(args[0].name, _words(args[0], error)) from error


def fenced_write(method: Callable[P, T]) -> Callable[P, T]:
    """Make a connector's writing method raise DeliveryUnknown for unexpected errors."""

    @functools.wraps(method)
    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except (CapaSyncError, AssertionError):
            raise
        except Exception as error:
            writer: Any = args[0]
            raise DeliveryUnknown(
                writer.name, f"{_words(writer, error)}; whether it was applied is not known"
            ) from error

    return within


def _words(connector: object, error: Exception) -> str:
    """Name the error's class and place without its text, which may hold text of a ticket.

    The place is in the connector's own package, which another distribution may have.
    """
    where = f"{type(error).__name__} at {place_of(error, type(connector).__module__.partition('.')[0])}"
    return f"an answer of the tracker has a shape that capa-sync cannot use ({where})"
