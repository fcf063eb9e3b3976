"""A private copy of the register as it was at a past instant, for verbs that take away what it shows."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from capa_sync.cli.context import EXIT_STOPPED
from capa_sync.cli.past import PastView, past_view
from capa_sync.cli.progress import progress_listener
from capa_sync.daemon.past_register import set_views_back
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.errors import Problem, UserError
from capa_sync.model.clock import Clock, StoppedClock
from capa_sync.model.days import utc_words
from capa_sync.private_folders import private_folder
from capa_sync.store import Register, open_copy
from capa_sync.wiring import Setup, build_runtime_for_reading


class PastRegister(NamedTuple):
    """A copy of the register as it was.

    Attributes:
        register: the copy. words: the instant for a person. about: `as_of` (instant), `judged_by`, `chain_head`
            then, and `gaps`.
    """

    register: Register
    words: str
    about: dict[str, Any]


@contextmanager
def register_as_of(
    setup: Setup, clock: Clock, as_of: str, sources: Sequence[str], *, is_masked: bool
) -> Iterator[PastRegister]:
    """Yield the register as it was at an instant, judged by the set that was live then; the copy goes at the end.

    `sources` must have been read up to the instant. Raises UserError, and RegisterUnavailable.
    """
    stop = threading.Event()
    with private_folder("past") as folder:
        stop_on_signals(stop, late_code=EXIT_STOPPED, before_late_end=partial(shutil.rmtree, folder))
        copy = folder / "register.db"
        with open_copy(setup.register_path, copy, clock_now=clock.now(), now=clock.now) as register:
            view = past_view(setup, register, as_of, None)
            assert view is not None  # noqa: S101 - an instant is given
            _refuse_unread(register, view, sources)
            yield PastRegister(register, view.words, _set_back(register, view, stop, is_masked=is_masked))


def _refuse_unread(register: Register, view: PastView, sources: Sequence[str]) -> None:
    past = register.past(view.at)
    unread = [name for name in sources if past.read_by(name) is None]
    if not unread:
        return
    name, until = unread[0], register.runs.as_of(unread[0])
    if until is None:
        shown, hint = "it was not read to its end yet", "run `capa-sync sync` first, or choose others with --source"
    else:
        shown, hint = f"it was read until {utc_words(until)}", "choose an earlier day, or other sources with --source"
    what = f"nothing is known of {name} at {view.words}: {shown}"
    raise UserError([Problem("", 0, what, hint)])


def _set_back(register: Register, view: PastView, stop: threading.Event, *, is_masked: bool) -> dict[str, Any]:
    head = register.chain.head_at(view.at)
    runtime = build_runtime_for_reading(view.judged_by.configuration, register, StoppedClock(view.at))
    runtime.stop = stop
    with progress_listener() as listener:
        runtime.progress = listener
        gaps = set_views_back(runtime, view.at, is_masked=is_masked)
    if stop.is_set():
        raise KeyboardInterrupt
    about: dict[str, Any] = {"as_of": view.at.isoformat().replace("+00:00", "Z"), "judged_by": view.judged_by.note}
    return about | {"chain_head": str(head) if head is not None else "", "gaps": gaps}
