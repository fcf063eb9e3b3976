"""A commented rule with tests, to be changed line by line, and which ids a rule may have."""

from __future__ import annotations

import re

from capa_sync.errors import Problem, UserError

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 80
_SKELETON = """\
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


def rule_skeleton(rule_id: str) -> str:
    """Return the text of a new rule; it passes `rules check` and `rules test`. Raises UserError for another id."""
    if not is_rule_id(rule_id):
        hint = "small letters, digits and single hyphens, as in location-written-down"
        raise UserError([Problem("", 0, f"'{rule_id[:_LONGEST]}' cannot be the id of a rule", hint)])
    return _SKELETON.format(id=rule_id)


def is_rule_id(text: str) -> bool:
    """Return whether a text may be the id of a rule, which is also the name of its file."""
    return len(text) <= _LONGEST and _ID.fullmatch(text) is not None
