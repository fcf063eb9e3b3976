"""`mapping`: the verbs that help to write a mapping file."""

from __future__ import annotations

import click

from capa_sync.cli.verbs import Verb, VerbGroup

SECTIONS = {
    "Verbs": {
        "suggest": Verb("capa_sync.cli.mapping_suggest:suggest", "Propose a mapping from the tracker's own lists."),
        "check": Verb("capa_sync.cli.mapping_check:check", "Show canonical records beside real tickets."),
    },
}


@click.group(cls=VerbGroup, sections=SECTIONS)
def mapping() -> None:
    """Propose a mapping file, and check one against real tickets.

    The verbs read the tracker of one source of the settings, and write nothing there.
    """
