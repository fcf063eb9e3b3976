"""What phrases about the order of first times, and about who was first, answer: truth, facts, when it was broken."""

from __future__ import annotations

from tests.unit.rules.answers import Answers, answer, each_answer

LIFE = """
case: order
accounts: {robot: ignored}
settings: {timezone: Europe/London}
timeline:
  - {day: 2026-07-01, by: ana, description: One, owner: ana, plan_approved_by: cleo, source_status: Open}
  - {day: 2026-07-02, by: bo, stage: analysed, root_cause: One, source_status: Approved}
  - {day: 2026-07-03, by: bo, action: {id: A1, text: Name a deputy, owner: bo}}
  - {day: 2026-07-04, by: bo, stage: planned, extent_note: One, source_status: Done}
  - {day: 2026-07-05, by: robot, implementation_evidence: One}
  - {day: 2026-07-06, by: cleo, stage: analysed, impact: One}
  - {day: 2026-07-07, by: cleo, stage: planned}
  - {day: 2026-07-08, by: cleo, correction: One, source_status: Open}
"""
UNREAD = LIFE.replace("case: order", "case: order\nhistory: incomplete")
OPAQUE = LIFE.replace("case: order", "case: order\nunreadable: [actions]")
BLIND = LIFE.replace("case: order", "case: order\nunreadable: [root_cause, plan_approved_by, grade]")
CHILD = LIFE.replace("{id: A1, text: Name a deputy, owner: bo}", "{id: A1, started: yes}")
FACTS = {
    "CREATED": "description: first filled on 1 July 2026: was 'One' at creation | 2026-07-01 08:00 | ana | birth",
    "CAUSE": "root_cause: first filled on 2 July 2026: became 'One' | 2026-07-02 08:00 | bo | edit-1",
    "EXTENT": "extent_note: first filled on 4 July 2026: became 'One' | 2026-07-04 08:00 | bo | edit-3",
    "IMPACT": "impact: first filled on 6 July 2026: became 'One' | 2026-07-06 08:00 | cleo | edit-5",
    "CORRECTION": "correction: first filled on 8 July 2026: became 'One' | 2026-07-08 08:00 | cleo | edit-7",
    "STARTED": "action_started_at: first started on 3 July 2026: became 'Name a deputy' | 2026-07-03 08:00"
    " | bo | edit-2",
    "FIRST PLANNED": "stage: first reached on 4 July 2026: became 'planned' | 2026-07-04 08:00 | bo | edit-3",
    "LAST PLANNED": "stage: last reached on 7 July 2026: became 'planned' | 2026-07-07 08:00 | cleo | edit-6",
    "EVIDENCE": "implementation_evidence: first filled on 5 July 2026: became 'One', by an account that sta"
    "nds for no person | 2026-07-05 08:00 | robot | edit-4",
}
"""A word of the tables -> a fact."""

TABLES = {
    "all is known": Answers(
        LIFE,
        "2026-07-09",
        """
description: filled before root_cause was first filled
  true, by description and root_cause
  CREATED
  CAUSE
  broken 2026-07-02 08:00
root_cause: filled before description was first filled
  false, by root_cause and description
  CAUSE
  CREATED
  broken 2026-07-01 08:00
root_cause: filled before location was first filled
  true, by root_cause and location
  CAUSE
  location: never first filled
  broken never
location: filled before root_cause was first filled
  false, by location and root_cause
  location: never first filled
  CAUSE
  broken 2026-07-02 08:00
impact: filled before action_started_at was first filled
  false, by impact and action_started_at
  IMPACT
  action_started_at: first filled on 3 July 2026: became 'Name a deputy' | 2026-07-03 08:00 | bo | edit-2
  broken 2026-07-03 08:00
root_cause: filled before action started
  true, by root_cause and action_started_at
  CAUSE
  STARTED
  broken 2026-07-03 08:00
extent_note: filled before action started
  false, by extent_note and action_started_at
  EXTENT
  STARTED
  broken 2026-07-03 08:00
location: filled before action started
  false, by location and action_started_at
  location: never first filled
  STARTED
  broken 2026-07-03 08:00
actions: filled before root_cause was first filled
  false, by actions and root_cause
  actions: first filled on 3 July 2026: became 'Name a deputy' | 2026-07-03 08:00 | bo | edit-2
  CAUSE
  broken 2026-07-02 08:00
extent_note: filled before the record first became planned
  true, by extent_note
  EXTENT
  FIRST PLANNED
  broken 2026-07-04 08:00
impact: filled before the record first became planned
  false, by impact
  IMPACT
  FIRST PLANNED
  broken 2026-07-04 08:00
location: filled before the record first became verified
  true, by location
  location: never first filled
  stage: never first reached
  broken never
impact: filled before the record last became planned
  true, by impact
  IMPACT
  LAST PLANNED
  broken 2026-07-07 08:00
correction: filled before the record last became planned
  false, by correction
  CORRECTION
  LAST PLANNED
  broken 2026-07-07 08:00
location: filled before the record last became planned
  false, by location
  location: never first filled
  LAST PLANNED
  broken 2026-07-07 08:00
location: filled before the record last became verified
  true, by location
  location: never first filled
  stage: never last reached
  broken never
source_status: was one of Approved, Waiting before it first became Done
  true, by source_status
  source_status: was one of Approved, Waiting on 2 July 2026: became 'Approved' | 2026-07-02 08:00 | bo | edit-1
  source_status: became Done on 4 July 2026: became 'Done' | 2026-07-04 08:00 | bo | edit-3
  broken 2026-07-04 08:00
source_status: was one of Done before it first became Approved
  false, by source_status
  source_status: was one of Done on 4 July 2026: became 'Done' | 2026-07-04 08:00 | bo | edit-3
  source_status: became Approved on 2 July 2026: became 'Approved' | 2026-07-02 08:00 | bo | edit-1
  broken 2026-07-02 08:00
source_status: was one of Waiting before it first became Done
  false, by source_status
  source_status: never was one of Waiting
  source_status: became Done on 4 July 2026: became 'Done' | 2026-07-04 08:00 | bo | edit-3
  broken 2026-07-04 08:00
source_status: was one of Approved before it first became Waiting
  true, by source_status
  source_status: was one of Approved on 2 July 2026: became 'Approved' | 2026-07-02 08:00 | bo | edit-1
  source_status: never became Waiting
  broken never
root_cause: filled before the record first became planned by someone other than owner
  true, by root_cause and owner
  CAUSE
  FIRST PLANNED
  owner: is 'ana' | 2026-07-01 08:00 | ana | birth
  broken 2026-07-04 08:00
root_cause: filled before the record first became planned by someone other than action_owners
  false, by root_cause and action_owners
  CAUSE
  FIRST PLANNED
  action_owners: is 'bo'
  broken 2026-07-04 08:00
root_cause: filled before the record first became planned by someone other than effectiveness_reviewer
  cannot tell, by root_cause and effectiveness_reviewer
  CAUSE
  FIRST PLANNED
  effectiveness_reviewer: is empty
  broken 2026-07-04 08:00
impact: filled before the record first became planned by someone other than owner
  false, by impact and owner
  IMPACT
  FIRST PLANNED
  owner: is 'ana' | 2026-07-01 08:00 | ana | birth
  broken 2026-07-04 08:00
location: filled before the record first became verified by someone other than owner
  true, by location and owner
  location: never first filled
  stage: never first reached
  owner: is 'ana' | 2026-07-01 08:00 | ana | birth
  broken never
implementation_evidence: filled before the record last became planned by someone other than owner
  cannot tell, by implementation_evidence and owner
  EVIDENCE
  LAST PLANNED
  owner: is 'ana' | 2026-07-01 08:00 | ana | birth
  broken 2026-07-07 08:00
impact: filled before the record last became planned by someone other than plan_approved_by
  false, by impact and plan_approved_by
  IMPACT
  LAST PLANNED
  plan_approved_by: is 'cleo' | 2026-07-01 08:00 | ana | birth
  broken 2026-07-07 08:00
impact: filled before the record last became planned by someone other than owner
  true, by impact and owner
  IMPACT
  LAST PLANNED
  owner: is 'ana' | 2026-07-01 08:00 | ana | birth
  broken 2026-07-07 08:00
""",
        shared=FACTS,
    ),
    "the history is incomplete": Answers(
        UNREAD,
        "2026-07-09",
        """
description: filled before root_cause was first filled
  cannot tell, by description and root_cause
  description: first filled before the history that could be read begins, or there
  CAUSE
  broken 2026-07-02 08:00
root_cause: filled before description was first filled
  cannot tell, by root_cause and description
  CAUSE
  description: first filled before the history that could be read begins, or there
  broken 2026-07-01 08:00
location: filled before root_cause was first filled
  cannot tell, by location and root_cause
  location: not known whether first filled before
  CAUSE
  broken 2026-07-02 08:00
root_cause: filled before action started
  cannot tell, by root_cause and action_started_at
  CAUSE
  STARTED
  broken 2026-07-03 08:00
location: filled before action started
  cannot tell, by location and action_started_at
  location: not known whether first filled before
  STARTED
  broken 2026-07-03 08:00
extent_note: filled before the record first became planned
  cannot tell, by extent_note
  EXTENT
  FIRST PLANNED
  broken 2026-07-04 08:00
impact: filled before the record first became planned
  cannot tell, by impact
  IMPACT
  FIRST PLANNED
  broken 2026-07-04 08:00
location: filled before the record first became verified
  cannot tell, by location
  location: not known whether first filled before
  stage: not known whether first reached before
  broken never
impact: filled before the record last became planned
  cannot tell, by impact
  IMPACT
  LAST PLANNED
  broken 2026-07-07 08:00
correction: filled before the record last became planned
  cannot tell, by correction
  CORRECTION
  LAST PLANNED
  broken 2026-07-07 08:00
location: filled before the record last became planned
  cannot tell, by location
  location: not known whether first filled before
  LAST PLANNED
  broken 2026-07-07 08:00
location: filled before the record last became verified
  cannot tell, by location
  location: not known whether first filled before
  stage: not known whether last reached before
  broken never
source_status: was one of Approved, Waiting before it first became Done
  cannot tell, by source_status
  source_status: was one of Approved, Waiting on 2 July 2026: became 'Approved' | 2026-07-02 08:00 | bo | edit-1
  source_status: became Done on 4 July 2026: became 'Done' | 2026-07-04 08:00 | bo | edit-3
  broken 2026-07-04 08:00
source_status: was one of Done before it first became Approved
  cannot tell, by source_status
  source_status: was one of Done on 4 July 2026: became 'Done' | 2026-07-04 08:00 | bo | edit-3
  source_status: became Approved on 2 July 2026: became 'Approved' | 2026-07-02 08:00 | bo | edit-1
  broken 2026-07-02 08:00
root_cause: filled before the record first became planned by someone other than owner
  cannot tell, by root_cause and owner
  CAUSE
  FIRST PLANNED
  owner: is 'ana'
  broken 2026-07-04 08:00
impact: filled before the record first became planned by someone other than owner
  cannot tell, by impact and owner
  IMPACT
  FIRST PLANNED
  owner: is 'ana'
  broken 2026-07-04 08:00
location: filled before the record first became verified by someone other than owner
  cannot tell, by location and owner
  location: not known whether first filled before
  stage: not known whether first reached before
  owner: is 'ana'
  broken never
impact: filled before the record last became planned by someone other than plan_approved_by
  cannot tell, by impact and plan_approved_by
  IMPACT
  LAST PLANNED
  plan_approved_by: is 'cleo'
  broken 2026-07-07 08:00
impact: filled before the record last became planned by someone other than owner
  cannot tell, by impact and owner
  IMPACT
  LAST PLANNED
  owner: is 'ana'
  broken 2026-07-07 08:00
""",
        shared=FACTS,
    ),
    "actions cannot be read": Answers(
        OPAQUE,
        "2026-07-09",
        """
impact: filled before action_started_at was first filled
  false, by impact and action_started_at
  IMPACT
  action_started_at: first filled on 3 July 2026: became 'Name a deputy' | 2026-07-03 08:00 | bo | edit-2
  broken 2026-07-03 08:00
root_cause: filled before action started
  cannot tell, by root_cause and action_started_at
  CAUSE
  STARTED
  broken 2026-07-03 08:00
extent_note: filled before action started
  false, by extent_note and action_started_at
  EXTENT
  STARTED
  broken 2026-07-03 08:00
location: filled before action started
  false, by location and action_started_at
  location: never first filled
  STARTED
  broken 2026-07-03 08:00
actions: filled before root_cause was first filled
  cannot tell, by actions and root_cause
  actions: first filled on 3 July 2026: became 'Name a deputy' | 2026-07-03 08:00 | bo | edit-2
  CAUSE
  broken 2026-07-02 08:00
root_cause: filled before the record first became planned by someone other than action_owners
  false, by root_cause and action_owners
  CAUSE
  FIRST PLANNED
  action_owners: is 'bo'
  broken 2026-07-04 08:00
""",
        shared=FACTS,
    ),
    "a value cannot be read": Answers(
        BLIND,
        "2026-07-09",
        """
root_cause: filled before description was first filled
  cannot tell, by root_cause and description
  CAUSE
  CREATED
  broken 2026-07-01 08:00
description: filled before root_cause was first filled
  cannot tell, by description and root_cause
  CREATED
  CAUSE
  broken 2026-07-02 08:00
root_cause: filled before the record first became planned
  cannot tell, by root_cause
  CAUSE
  FIRST PLANNED
  broken 2026-07-04 08:00
root_cause: filled before the record last became planned
  cannot tell, by root_cause
  CAUSE
  LAST PLANNED
  broken 2026-07-07 08:00
root_cause: filled before the record last became planned by someone other than owner
  cannot tell, by root_cause and owner
  CAUSE
  LAST PLANNED
  owner: is 'ana' | 2026-07-01 08:00 | ana | birth
  broken 2026-07-07 08:00
grade: was one of minor before it first became major
  cannot tell, by grade
  grade: never was one of minor
  grade: never became major
  broken never
impact: filled before the record last became planned by someone other than plan_approved_by
  cannot tell, by impact and plan_approved_by
  IMPACT
  LAST PLANNED
  plan_approved_by: is unreadable: the test says so | 2026-07-01 08:00 | ana | birth
  broken 2026-07-07 08:00
""",
        shared=FACTS,
    ),
    "a child was started": Answers(
        CHILD,
        "2026-07-09",
        """
root_cause: filled before action started
  true, by root_cause and action_started_at
  CAUSE
  action_started_at: first started on 3 July 2026 | 2026-07-03 08:00 | bo | edit-2
  broken 2026-07-03 08:00
extent_note: filled before action started
  false, by extent_note and action_started_at
  EXTENT
  action_started_at: first started on 3 July 2026 | 2026-07-03 08:00 | bo | edit-2
  broken 2026-07-03 08:00
""",
        shared=FACTS,
    ),
    "the history of a field is not known": Answers(
        LIFE,
        "2026-07-09",
        """
impact: filled before the record last became planned
  true, by impact
  IMPACT
  LAST PLANNED
  broken 2026-07-07 08:00
impact: filled before the record first became planned
  cannot tell, by impact
  IMPACT
  FIRST PLANNED
  broken 2026-07-04 08:00
impact: filled before the record last became verified
  true, by impact
  IMPACT
  stage: never last reached
  broken never
""",
        changes={"history_gaps": {"impact": "hidden"}},
        shared=FACTS,
    ),
    "the entries are not delivered": Answers(
        LIFE,
        "2026-07-09",
        """
location: filled before action started
  false, by location and action_started_at
  location: never first filled
  action_started_at: first started on 3 July 2026 | 2026-07-03 08:00
  broken 2026-07-03 08:00
""",
        changes={"timeline": ()},
        shared=FACTS,
    ),
    "the stages are not known": Answers(
        LIFE,
        "2026-07-09",
        """
impact: filled before the record last became planned
  cannot tell, by impact
  IMPACT
  LAST PLANNED
  broken 2026-07-07 08:00
description: filled before the record first became planned
  cannot tell, by description
  CREATED
  FIRST PLANNED
  broken 2026-07-04 08:00
impact: filled before the record last became planned by someone other than owner
  cannot tell, by impact and owner
  IMPACT
  LAST PLANNED
  owner: is 'ana' | 2026-07-01 08:00 | ana | birth
  broken 2026-07-07 08:00
""",
        changes={"history_gaps": {"stage": "hidden"}},
        shared=FACTS,
    ),
}


@each_answer(TABLES)
def test_what_a_phrase_answers_about_order(answers: Answers, line: str, expected: list[str]) -> None:
    """Two events of one edit are in order; a first time that an unread history may hide is not certain."""
    assert answer(line, answers.context) == expected
