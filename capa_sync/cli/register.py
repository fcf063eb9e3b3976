"""`register`: the verbs that take away what the register holds, erase it, and bring it back."""

from __future__ import annotations

import click

from capa_sync.cli.verbs import Verb, VerbGroup

SECTIONS = {
    "What people take away": {
        "export": Verb(
            "capa_sync.cli.export:export", "Write the register as XLSX, CSV, JSON lines, Parquet, HTML or OSCAL."
        ),
        "pack": Verb("capa_sync.cli.pack:pack", "Write the whole evidence of one ticket into one zip."),
        "report": Verb("capa_sync.cli.report:report", "Write the management review of a period in two pages."),
        "sample": Verb("capa_sync.cli.pack:sample", "Write the packs of a sample of records, for an audit."),
    },
    "What is kept, and what is not": {
        "erase": Verb("capa_sync.cli.erase:erase", "Erase every text of a record from the register, for good."),
        "retention": Verb("capa_sync.cli.erase:retention", "List the records whose time is over."),
        "hold": Verb("capa_sync.cli.legal_hold:hold", "Put a record or a source on legal hold."),
        "unhold": Verb("capa_sync.cli.legal_hold:unhold", "End the legal holds on a record or a source."),
    },
    "What shows that nothing was changed": {
        "head": Verb("capa_sync.cli.head:head", "Print the head of the hash chain, or publish it."),
    },
    "Copies of the file": {
        "backup": Verb("capa_sync.cli.backup:backup", "Write a consistent copy of the register's file."),
        "restore": Verb("capa_sync.cli.backup:restore", "Put a backup in the register's place."),
    },
}


@click.group(cls=VerbGroup, sections=SECTIONS)
def register() -> None:
    """Take away, keep, or erase what the register holds.

    Each file is complete under its name, or it is not there. What is taken away holds texts of tickets: guard it as
    you guard the tickets.
    """
