"""What the register's page needs of settings and live set; nothing is imported for it that a page does not show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from capa_sync.cli.context import open_for_reading
from capa_sync.cli.page_access import page_access
from capa_sync.cli.page_waiving import PageWaiving
from capa_sync.model.clock import Clock, SystemClock
from capa_sync.model.page import PageOptions, RuleWords
from capa_sync.settings import Settings

if TYPE_CHECKING:
    from capa_sync.live.workshop import RuleWorkshop


def page_options(settings: Settings, config: Path, clock: Clock | None = None) -> PageOptions:
    """Return what the page needs; it reads no mapping and no secret of a tracker, and rules when it shows them.

    Raises UserError for a secret or a file of tokens that cannot be used.
    """
    clock, folder = clock or SystemClock(), config.resolve().parent
    return PageOptions(
        timezone=settings.timezone,
        clock=clock,
        poll_every={name: source.poll_every for name, source in settings.sources.items()},
        rules=LiveRules(settings, folder, clock),
        public_url=settings.public_url,
        access=page_access(settings, config, clock),
        waiving=PageWaiving(settings, config, clock),
    )


def page_workshop(settings: Settings, config: Path, clock: Clock, test_clock: str) -> RuleWorkshop | None:
    """Return the workshop of the page; None where nobody can sign in, and so nobody is an admin.

    `test_clock` is the text of the test clock, "" for the machine's clock.
    """
    auth = settings.web.auth
    if not (auth.tokens or auth.proxy.is_on):
        return None
    from capa_sync.live.workshop import RuleWorkshop

    return RuleWorkshop(settings, config, clock, test_clock)


class LiveRules:
    """The rules of the register's live set in words, loaded again when another set is live.

    A register without a live set has not been judged yet: it will take the rules of the settings.
    """

    def __init__(self, settings: Settings, folder: Path, clock: Clock) -> None:
        self._settings, self._folder, self._clock = settings, folder, clock
        self._loaded: tuple[int, Sequence[RuleWords]] = (0, ())

    def __call__(self) -> Sequence[RuleWords]:
        """Return the rules. Raises UserError when they cannot be loaded."""
        from capa_sync.rules import load_rules, rules_in_words
        from capa_sync.starter import rule_paths
        from capa_sync.wiring import judge_options

        with open_for_reading(self._folder / self._settings.register_file, self._clock) as register:
            live = register.verdict_sets.live()
            if live is not None and live.number == self._loaded[0]:
                return self._loaded[1]
            stored = register.verdict_sets.load(live.set_hash) if live is not None else None
        if live is None or stored is None:
            paths = rule_paths(self._settings.rules, self._folder)
            return rules_in_words(load_rules(paths, judge_options(self._settings)))
        from capa_sync.live.files import rules_of

        words = rules_in_words(rules_of(stored, self._settings))
        self._loaded = (live.number, words)
        return words
