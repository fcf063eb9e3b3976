"""The daemon: runs cycles on schedule, carries out requests of other verbs, and ends within ten seconds of a stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from capa_sync.daemon.cycle import run_cycle, run_hinted
from capa_sync.daemon.damage import DamageWatch
from capa_sync.daemon.digesting import Digest, send_digests
from capa_sync.daemon.erasure_work import ErasureWork
from capa_sync.daemon.live_sets import LiveSets
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.requests import carry_out_requests
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.scheduler import Scheduler
from capa_sync.daemon.shutdown import GRACE
from capa_sync.daemon.watchdog import ClockWatch
from capa_sync.errors import RegisterUnavailable, UserError, own_error
from capa_sync.hints import HintBox, HintReceiver
from capa_sync.store import POLL

GATHER = 0.1
"""Seconds for which hints are collected before they are followed, so that one edit with three events is read once."""
HINTS_AT_ONCE = 50
"""Hinted tickets read together; after them a poll that is due can run."""
LOOK_UP = 0.5
"""Seconds after which a thread that waits for hints checks whether the daemon stops."""
CHECK_EVERY = 3600
"""Ticks between two damage checks; each check reads one table."""
_DIGEST, _TICK = " digest", " tick"
"""Names of the digest and of a tick among the busy work; no source has a blank in its name."""
TALLY_EVERY = 60
"""Ticks between two log lines about refused hints."""


class Daemon:
    """Runs until it is asked to stop; never ends because a source fails.

    Args:
        runtime: the runtime to work with.
        receiver, box: the optional listener for hints, and the box that holds their ticket ids.
        sets: makes the next runtime when another verdict set becomes live; by default the runtime stays.
        digest: what the settings say of the digest, and who sends it; None: nobody gets one.
        is_asked: tells whether the end was requested, when the stop event is set.
    """

    def __init__(
        self,
        runtime: Runtime,
        receiver: HintReceiver | None = None,
        box: HintBox | None = None,
        *,
        sets: LiveSets | None = None,
        digest: Digest | None = None,
        is_asked: Callable[[], bool] = lambda: True,
    ) -> None:
        self._runtime = runtime
        self._sets = sets
        self._is_asked = is_asked
        self._live = runtime.register.verdict_sets.live()
        self._is_changing = False
        self._over = threading.Event()
        self._receiver = receiver
        self._box = box
        self._turns = {name: threading.Lock() for name in runtime.contexts}
        self._ticks = 0
        self._idle = threading.Condition()
        self._busy: set[str] = set()
        self._wanted: set[str] = set()
        self._broken: RegisterUnavailable | None = None
        every = {name: context.poll_every for name, context in runtime.contexts.items()}
        self._digest = digest
        self._scheduler = Scheduler(every, self._job, self._tick, self._send_digests if digest else None)
        self._damage_watch = DamageWatch(runtime.register, self._give_up)
        self._erasures = ErasureWork(self._turns_of)
        self._clock_watch = ClockWatch(self._scheduler.replan, self._over)

    def run(self) -> bool:
        """Work until the stop event is set; return whether all work ended within the grace.

        Raises RegisterUnavailable when the register could no longer be written.
        """
        log(LogAction.DAEMON_STARTED, sources=len(self._runtime.contexts))
        self._scheduler.start()
        self._clock_watch.start()
        self._start_listening()
        self._wait_for_end()
        log(LogAction.DAEMON_STOPPING)
        if self._receiver is not None:
            self._receiver.stop()
        self._scheduler.stop()
        with self._idle:
            ended = self._idle.wait_for(lambda: not self._busy, timeout=GRACE)
        log(LogAction.DAEMON_STOPPED, clean=ended)
        if self._broken is not None:
            raise self._broken
        return ended

    def _wait_for_end(self) -> None:
        """Wait until the daemon is to end; each time another verdict set became live, go on with a new runtime.

        The stop event ends the work under way, as at an end of the process: no ticket is judged by two sets, and
        what is left is done by the next runtime.
        """
        stop, sets = self._runtime.stop, self._sets
        while stop.wait() and sets is not None and self._is_changing and self._broken is None:
            with self._idle:
                while self._busy and not self._is_asked():
                    self._idle.wait(timeout=LOOK_UP)
            if self._is_asked():
                break
            self._change_runtime(sets)
            stop.clear()
            self._is_changing = False  # after `clear`, or a change noticed between the two would be lost
            if self._is_asked() or self._broken is not None:
                stop.set()
            for source in self._runtime.contexts:
                self._scheduler.run_soon(source)
        self._over.set()

    def _change_runtime(self, sets: LiveSets) -> None:
        """Make the runtime with the set that is live now; the former one stays where that set does not load."""
        try:
            self._live = self._runtime.register.verdict_sets.live()
            self._runtime = sets.runtime()
        except UserError as error:
            for problem in error.problems:
                log(LogAction.SET_REFUSED, level="error", problem=str(problem))
        except RegisterUnavailable as error:
            self._give_up(error)

    def _job(self, source: str) -> None:
        """Run one source's cycle; repeat it when another cycle was requested meanwhile."""
        self._wanted.add(source)
        while source in self._wanted and not self._runtime.stop.is_set():
            self._wanted.discard(source)
            with self._turn(source):
                if not self._runtime.stop.is_set():
                    self._fenced(source, partial(run_cycle, self._runtime, self._runtime.contexts[source]))

    def _send_digests(self) -> None:
        """Send the digests that are due; a fault ends neither the daemon nor the next look."""
        with self._is_busy(_DIGEST):
            runtime = self._runtime
            if self._digest is None or runtime.stop.is_set():  # asked here: the end waits for what is busy
                return
            try:
                send_digests(runtime, self._digest, runtime.clock.now())
            except RegisterUnavailable as error:
                self._give_up(error)
            except Exception as error:  # noqa: BLE001 - logged and shown; it is tried again at the next look
                problem = own_error(error)
                log(LogAction.DIGEST_FAILED, level="error", problem=problem)
                self._note_digest_fault(problem)

    def _note_digest_fault(self, problem: str) -> None:
        """Store a bug of capa-sync in the digest, so that `status` shows it."""
        try:
            self._runtime.register.sends.note_fault(problem, self._runtime.clock.now())
        except RegisterUnavailable as error:
            self._give_up(error)

    @contextmanager
    def _turn(self, source: str) -> Iterator[None]:
        """Hold the lock of one source, and list the source as busy."""
        with self._turns[source], self._is_busy(source):
            yield

    @contextmanager
    def _is_busy(self, name: str) -> Iterator[None]:
        """List work as under way: an end waits for it, at most the grace."""
        with self._idle:
            self._busy.add(name)
        try:
            yield
        finally:
            with self._idle:
                self._busy.discard(name)
                self._idle.notify_all()

    @contextmanager
    def _turns_of(self, sources: Collection[str]) -> Iterator[bool]:
        """Take the turns of these sources without waiting; False, and none is taken, where a cycle is under way."""
        with ExitStack() as taken:
            for turn in (self._turns[source] for source in sorted(sources) if source in self._turns):
                if not turn.acquire(blocking=False):
                    taken.close()
                    break
                taken.callback(turn.release)
            else:
                yield True
                return
        yield False

    def _start_listening(self) -> None:
        if self._receiver is None or self._box is None:
            return
        for source in self._box.sources:
            threading.Thread(
                target=self._follow_hints, args=(self._box, source), name=f"hints-{source}", daemon=True
            ).start()
        self._receiver.start()
        log(LogAction.HINTS_LISTENING, at=self._receiver.url, sources=",".join(self._box.sources))

    def _follow_hints(self, box: HintBox, source: str) -> None:
        """Follow the hints of one source between its cycles."""
        while not self._over.is_set():
            if not box.wait(source, LOOK_UP) or self._over.wait(GATHER):
                continue
            with self._turn(source):
                runtime = self._runtime
                ids = [] if runtime.stop.is_set() else box.take(source, HINTS_AT_ONCE)
                if ids:
                    self._fenced(source, partial(run_hinted, runtime, runtime.contexts[source], ids))

    def _fenced(self, source: str, work: Callable[[], object]) -> None:
        """Keep a fault of one source, or a bug in its cycle, from ending the daemon."""
        try:
            work()
        except RegisterUnavailable as error:
            self._give_up(error)
        except Exception as error:  # noqa: BLE001 - the per-source fence: logged, the others go on
            problem = own_error(error)
            log(LogAction.CYCLE_FAILED, level="error", source=source, problem=problem)
            self._note_failure(source, problem)

    def _note_failure(self, source: str, problem: str) -> None:
        """Record a bug of capa-sync in the run ledger, so that `status` shows it."""
        runs, now = self._runtime.register.runs, self._runtime.clock.now()
        try:
            runs.finish(runs.start(source, POLL, now), now, ok=False, problem=problem)
        except RegisterUnavailable as error:
            self._give_up(error)

    def _give_up(self, error: RegisterUnavailable) -> None:
        """Stop the daemon, because the register can no longer be written."""
        if self._broken is None:
            self._broken = error
            log(LogAction.REGISTER_LOST, level="error", problem=str(error))
        self._runtime.stop.set()

    def _tick(self) -> None:
        """Check that the register is there, carry out requests left in it, see edits, and log refused hints.

        The end waits for it too: it closes the register, and a tick must not have a statement under way then.
        """
        with self._is_busy(_TICK):
            if not self._over.is_set():
                self._look_around()

    def _look_around(self) -> None:
        self._ticks += 1
        if self._receiver is not None and self._ticks % TALLY_EVERY == 0:
            counts = self._receiver.guard.tally()
            if counts.keys() & {"refused", "dropped"}:
                log(LogAction.HINTS_REFUSED, level="warning", **dict[str, Any](counts))
        try:
            self._runtime.register.check_place()
            if self._ticks % CHECK_EVERY == 0:
                self._damage_watch.look()
            for source in carry_out_requests(self._runtime):
                self._wanted.add(source)
                self._scheduler.run_soon(source)
            self._erasures.do(self._runtime)
            if self._sets is not None and not self._is_changing:
                self._follow_live_set(self._sets)
        except RegisterUnavailable as error:
            self._give_up(error)

    def _follow_live_set(self, sets: LiveSets) -> None:
        """See edits of the files; when another set is live than the one that the runtime has, end its work."""
        sets.look()
        if self._runtime.register.verdict_sets.live() != self._live:
            self._is_changing = True
            self._runtime.stop.set()
