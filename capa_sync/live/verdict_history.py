"""The verdict sets by which the past of a ticket is judged, each loaded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.verdict_history import SetThen
from capa_sync.errors import UserError
from capa_sync.live.files import verdict_set_of
from capa_sync.live.past import activation_at, set_of_activation
from capa_sync.model.clock import Clock
from capa_sync.model.verdict_set import Activation
from capa_sync.store import Register
from capa_sync.wiring import Configuration, Setup, build_runtime_for_reading


class SetsThen:
    """Returns the set that judged an instant, with a runtime of its own.

    Args:
        setup, register, clock: as for the verb. live: the configuration of `runtime`, to be loaded once.
        runtime: that of the verb; it stays as it is.
    """

    def __init__(self, setup: Setup, register: Register, clock: Clock, live: Configuration, runtime: Runtime) -> None:
        self._setup, self._register, self._clock = setup, register, clock
        self._live, self._runtime = live, runtime
        self._made: dict[int, tuple[Runtime | None, str]] = {}

    def __call__(self, at: datetime) -> SetThen:
        """Return the set that was live at an instant; before the first the oldest, else the configured one."""
        if self._register.verdict_sets.live() is None:
            return SetThen(self._runtime, 0, self._live.rules.hash, is_oldest=True)
        done, is_oldest = activation_at(self._register, at)
        if done.number not in self._made:
            self._made[done.number] = self._runtime_of(done)
        runtime, problem = self._made[done.number]
        return SetThen(runtime, done.number, done.rule_set, is_oldest, problem)

    def _runtime_of(self, done: Activation) -> tuple[Runtime | None, str]:
        live = self._register.verdict_sets.live()
        if live is not None and live.number == done.number and verdict_set_of(self._live).hash == done.set_hash:
            contexts = {name: replace(context) for name, context in self._runtime.contexts.items()}
            return replace(self._runtime, contexts=contexts), ""
        try:
            found = set_of_activation(self._setup, self._register, done)
        except UserError as error:
            return None, str(error.problems[0])
        return build_runtime_for_reading(found.configuration, self._register, self._clock), ""
