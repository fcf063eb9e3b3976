"""`rules`: the verbs that look at rule files."""

from __future__ import annotations

import click

from capa_sync.cli.verbs import Verb, VerbGroup

SECTIONS = {
    "Verbs": {
        "check": Verb("capa_sync.cli.rule_files:check", "Print every mistake with file, line and a hint."),
        "test": Verb("capa_sync.cli.rule_files:test", "Run the tests inside the rule files."),
        "wording": Verb("capa_sync.cli.rule_files:wording", "Print every message and fix, state by state, to read."),
        "coverage": Verb("capa_sync.cli.coverage:coverage", "Show which rules cannot tell, per source, and why."),
        "phrases": Verb("capa_sync.cli.rule_files:phrases", "Print every phrase that a rule may say."),
        "schema": Verb("capa_sync.cli.rule_files:schema", "Print a JSON Schema of rule files, for editors."),
    },
}


@click.group(cls=VerbGroup, sections=SECTIONS)
def rules() -> None:
    """Check, test and describe rule files.

    `check`, `test` and `wording` take files and folders, and look at the shipped pack when none is named. Only
    `coverage` needs a settings file: it reads the register.
    """
