"""`rules new`: writes a commented skeleton of a rule with tests."""

from __future__ import annotations

import re
from pathlib import Path

import click

from capa_sync.cli.context import say
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 80
SKELETON = """\
# yaml-language-server: $schema=rule.schema.json
# What the auditor asks for, in one sentence; good practice that no clause demands says so here.
# A remark begins with #. `capa-sync rules phrases` prints everything that may stand behind a field.
rule: {id}
title: The location of the nonconformity is written down        # true when all is well
clause:                         # where the standard asks for it
  iso27001-2022: 10.2 f
severity: low                   # info, low, medium or high
mode: draft                     # draft: tested, never run; quiet: register only; warn: written on the ticket
applies_to:                     # for which records it is meant; the rule is "not applicable" to all others
  - track: is one of nonconformity, preventive
when:                           # from when on it may be asked; before, the rule is "not applicable"
  - stage: at least analysed
require:                        # what must hold; each line is `field: phrase`
  - location: filled
message: >-
  It is not written down where this happened.
fix: >-
  Write down the place or the process in the field {{label location}}.
# Each test is the life of an invented record, day by day, and the verdict that you expect of a day. Say it for all
# is well, for a breach, for a record that the rule is not meant for, and where the tracker lacks the field.
# False positives to know: …
tests:
  - case: asked from the analysis on, and answered
    timeline:
      - {{day: 2026-03-02, by: ana, stage: contained}}
      - {{day: 2026-03-05, by: ana, stage: analysed}}
      - {{day: 2026-03-09, by: ana, location: Finance application}}
    expect:
      - {{day: 2026-03-02, result: not applicable}}
      - {{day: 2026-03-05, result: breach, severity: low, says: not written down where}}
      - {{day: 2026-03-09, result: ok}}
  - case: not meant for improvements, but for preventive records
    timeline:
      - {{day: 2026-03-02, by: ana, track: improvement, stage: analysed}}
      - {{day: 2026-03-03, by: ana, track: preventive}}
    expect:
      - {{day: 2026-03-02, result: not applicable}}
      - {{day: 2026-03-03, result: breach}}
  - case: the mapping names no field for it
    unmapped: [location]
    timeline:
      - {{day: 2026-03-02, by: ana, stage: analysed}}
    expect:
      - {{day: 2026-03-02, result: cannot tell}}
"""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules new location-written-down", "writes rules/location-written-down.yaml"),
        ("capa-sync rules new location-written-down drafts", "into another folder"),
    ),
)
@click.argument("rule_id", metavar="ID")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("rules"))
def new(rule_id: str, folder: Path) -> None:
    """Write a commented skeleton of a rule with tests.

    ID is the rule's name, of small letters, digits and hyphens; the file FOLDER/ID.yaml is never overwritten. The
    skeleton is a draft that passes `rules check` and `rules test`: change it line by line.
    """
    if len(rule_id) > _LONGEST or not _ID.fullmatch(rule_id):
        hint = "small letters, digits and single hyphens, as in location-written-down"
        raise UserError([Problem("", 0, f"'{rule_id[:_LONGEST]}' cannot be the id of a rule", hint)])
    file = folder / f"{rule_id}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(SKELETON.format(id=rule_id))
    except FileExistsError:
        raise UserError([Problem(str(file), 0, "this is there already", "choose another id, or edit it")]) from None
    except OSError as error:
        raise UserError([Problem(str(file), 0, f"it cannot be written: {error.strerror}")]) from None
    say(f"wrote {file}; edit it, then: capa-sync rules test {file}")
