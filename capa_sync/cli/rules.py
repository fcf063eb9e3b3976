"""`rules`: the verbs that look at rule files."""

from __future__ import annotations

import click

from capa_sync.cli.verbs import Verb, VerbGroup

SECTIONS = {
    "Verbs": {
        "check": Verb("capa_sync.cli.rule_files:check", "Print every mistake with file, line and a hint."),
        "test": Verb("capa_sync.cli.rule_files:test", "Run the tests inside the rule files."),
        "wording": Verb("capa_sync.cli.rule_files:wording", "Print every message and fix, state by state, to read."),
        "coverage": Verb(
            "capa_sync.cli.coverage:coverage",
            "Show which rules cannot tell, per source, and why; then the checks over the whole register.",
        ),
        "trend": Verb("capa_sync.cli.trend:trend", "Show how many records passed a rule, month by month."),
        "texts": Verb(
            "capa_sync.cli.rule_files:language_file",
            "Print the language file of LANGUAGE, to edit sentences or to translate them.",
        ),
        "phrases": Verb("capa_sync.cli.rule_files:phrases", "Print every phrase that a rule may say."),
        "schema": Verb("capa_sync.cli.rule_files:schema", "Print a JSON Schema of rule files, for editors."),
    },
    "To write a rule": {
        "new": Verb("capa_sync.cli.rule_skeleton:new", "Write a commented skeleton of a rule with tests."),
        "twin": Verb("capa_sync.cli.twin:twin", "Print what the tracker itself could demand."),
    },
    "What is live": {
        "preview": Verb(
            "capa_sync.cli.preview:preview_rules", "Show what changed rules would do; nothing changes anywhere."
        ),
        "activate": Verb("capa_sync.cli.sets:activate_rules", "Make the changed rules live."),
        "rollback": Verb(
            "capa_sync.cli.sets:rollback_rules", "Make the rules live that were live before the last change of rules."
        ),
        "history": Verb("capa_sync.cli.sets:history_of_rules", "List which rules were live when, and by whom."),
        "drafts": Verb("capa_sync.cli.drafts:drafts", "List the drafts of rules that were saved on the page."),
        "discard": Verb("capa_sync.cli.drafts:discard", "Discard a draft."),
    },
}


@click.group(cls=VerbGroup, sections=SECTIONS)
def rules() -> None:
    """Check, test and describe rule files.

    `check`, `test` and `wording` take files and folders; when none is named, they look at those of ./capa-sync.toml,
    else at the shipped pack. They need no settings file; `coverage` and the verbs about what is live do.
    """
