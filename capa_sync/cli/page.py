"""What the register's page needs of the settings; nothing is imported for it that a page does not show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from capa_sync.model.clock import Clock, SystemClock
from capa_sync.model.page import PageOptions, RuleWords
from capa_sync.settings import Settings


def page_options(settings: Settings, folder: Path, clock: Clock | None = None) -> PageOptions:
    """Return what the page needs of the settings; it reads no mapping and no secret, and rules when it shows them."""

    def rules() -> Sequence[RuleWords]:
        from capa_sync.rules import load_rules, rules_in_words
        from capa_sync.starter import rule_paths
        from capa_sync.wiring import judge_options

        return rules_in_words(load_rules(rule_paths(settings.rules, folder), judge_options(settings)))

    return PageOptions(
        timezone=settings.timezone,
        clock=clock or SystemClock(),
        poll_every={name: source.poll_every for name, source in settings.sources.items()},
        rules=rules,
        public_url=settings.public_url,
    )
