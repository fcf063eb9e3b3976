"""What phrases about changes after closing answer: truth, the changes, and when it was broken."""

from __future__ import annotations

from tests.unit.rules.answers import Answers, answer, each_answer

CLOSED = """
case: after closing
accounts: {robot: ignored}
timeline:
  - {day: 2026-03-02, by: ana, stage: closed, root_cause: One, impact: One, correction: One, title: One}
  - day: 2026-03-03
    by: bo
    stage: planned
    root_cause: Two
    actions: [{id: A1, text: x}, {id: C1, kind: correction}]
  - {day: 2026-03-04, by: bo, stage: closed, correction: Two, comment: done}
  - {day: 2026-03-05, by: bo, root_cause: Three, comment: because}
  - {day: 2026-03-06, by: cleo, root_cause: Four, extent_note: One, grade: major}
  - {day: 2026-03-07 10:00, by: cleo, extent_note: One, comment: because}
  - {day: 2026-03-07 11:00, by: robot, impact: Two, comment: a robot}
  - {day: 2026-03-07 12:00, by: cleo, location: Finance, comment: because}
  - {day: 2026-03-08, by: cleo, actions: [{id: C1, text: y}, {id: A1, owner: bo}]}
"""
REOPENED = CLOSED + "  - {day: 2026-03-09, by: cleo, stage: planned}\n"
UNREAD = CLOSED.replace("case: after closing", "case: after closing\nhistory: incomplete")
BLIND = CLOSED.replace("case: after closing", "case: after closing\nunmapped: [root_cause, extent_note]")
NAMED = {"people_names": {"bo": "Bo Lind", "cleo": "Cleo Ray"}, "labels": {"root_cause": "Cause"}}
CAUSES = """
root_cause: became 'Three' | 2026-03-05 09:00 | bo | edit-3
root_cause: became 'Four' | 2026-03-06 09:00 | cleo | edit-4
missing Cause (on 6 March 2026 by Cleo Ray)
marks root_cause 2026-03-06T09:00:00+00:00 cleo
broken 2026-03-06 09:00
"""
NOTES = """
extent_note: became 'One' | 2026-03-06 09:00 | cleo | edit-4
missing extent note (on 6 March 2026 by Cleo Ray)
marks extent_note 2026-03-06T09:00:00+00:00 cleo
broken 2026-03-06 09:00
"""
FACTS = {"CAUSES": CAUSES, "NOTES": NOTES}
HIDDEN = dict.fromkeys(("root_cause", "impact", "actions", "extent_note"), "hidden")

TABLES = {
    "closed": Answers(
        CLOSED,
        "2026-03-10",
        """
grade: unchanged by a human since closing
  false, by grade
  grade: became 'major' | 2026-03-06 09:00 | cleo | edit-4
  missing grade (on 6 March 2026 by Cleo Ray)
  marks grade 2026-03-06T09:00:00+00:00 cleo
  broken 2026-03-06 09:00
root_cause: unchanged by a human since closing
  false, by root_cause
  CAUSES
impact: unchanged by a human since closing
  true, by impact
  impact: is 'Two' | 2026-03-07 11:00 | robot | edit-6
  missing nothing
  marks nothing
  broken never
correction: unchanged by a human since closing
  true, by correction
  correction: is 'Two' | 2026-03-04 09:00 | bo | edit-2
  missing nothing
  marks nothing
  broken never
extent_note: unchanged by a human since closing
  false, by extent_note
  NOTES
actions: unchanged by a human since closing
  false, by actions
  actions: became 'x' | 2026-03-08 09:00 | cleo | edit-8
  missing corrective action (on 8 March 2026 by Cleo Ray)
  marks actions 2026-03-08T09:00:00+00:00 cleo
  broken 2026-03-08 09:00
root_cause: each change since closing has a reason
  true, by root_cause (comments)
  CAUSES
impact: each change since closing has a reason
  true, by impact (comments)
  impact: is 'Two' | 2026-03-07 11:00 | robot | edit-6
  missing nothing
  marks nothing
  broken never
extent_note: each change since closing has a reason
  true, by extent_note (comments)
  NOTES
location: each change since closing has a reason
  true, by location (comments)
  location: became 'Finance' | 2026-03-07 12:00 | cleo | edit-7
  missing location (on 7 March 2026 by Cleo Ray)
  marks location 2026-03-07T12:00:00+00:00 cleo
  broken 2026-03-07 12:00
actions: each change since closing has a reason
  false, by actions (comments)
  actions: became 'x' | 2026-03-08 09:00 | cleo | edit-8
  missing corrective action (on 8 March 2026 by Cleo Ray)
  marks actions 2026-03-08T09:00:00+00:00 cleo
  broken 2026-03-08 09:00
""",
        changes=NAMED,
        shared=FACTS,
    ),
    "reopened": Answers(
        REOPENED,
        "2026-03-10",
        """
root_cause: unchanged by a human since closing
  true, by root_cause
  root_cause: is 'Four' | 2026-03-06 09:00 | cleo | edit-4
  missing nothing
  marks nothing
  broken never
root_cause: each change since closing has a reason
  true, by root_cause (comments)
  root_cause: is 'Four' | 2026-03-06 09:00 | cleo | edit-4
  missing nothing
  marks nothing
  broken never
""",
        changes=NAMED,
        shared=FACTS,
    ),
    "the history is incomplete": Answers(
        UNREAD,
        "2026-03-10",
        """
root_cause: unchanged by a human since closing
  cannot tell, by root_cause
  root_cause: is 'Four' | 2026-03-06 09:00 | cleo | edit-4
  missing nothing
  marks nothing
  broken never
root_cause: each change since closing has a reason
  cannot tell, by root_cause (comments)
  root_cause: is 'Four' | 2026-03-06 09:00 | cleo | edit-4
  missing nothing
  marks nothing
  broken never
impact: unchanged by a human since closing
  cannot tell, by impact
  impact: is 'Two' | 2026-03-07 11:00 | robot | edit-6
  missing nothing
  marks nothing
  broken never
""",
        changes=NAMED,
        shared=FACTS,
    ),
    "not mapped": Answers(
        BLIND,
        "2026-03-10",
        """
root_cause: unchanged by a human since closing
  cannot tell, by root_cause
  root_cause: is unmapped
  missing nothing
  marks nothing
  broken never
extent_note: each change since closing has a reason
  cannot tell, by extent_note (comments)
  extent_note: is unmapped
  missing nothing
  marks nothing
  broken never
""",
        changes=NAMED,
        shared=FACTS,
    ),
    "the history of some fields is not known": Answers(
        CLOSED,
        "2026-03-10",
        """
grade: unchanged by a human since closing
  false, by grade
  grade: became 'major' | 2026-03-06 09:00 | cleo | edit-4
  missing grade (on 6 March 2026 by Cleo Ray)
  marks grade 2026-03-06T09:00:00+00:00 cleo
  broken 2026-03-06 09:00
root_cause: unchanged by a human since closing
  false, by root_cause
  CAUSES
impact: unchanged by a human since closing
  cannot tell, by impact
  impact: is 'Two' | 2026-03-07 11:00 | robot | edit-6
  missing nothing
  marks nothing
  broken never
correction: unchanged by a human since closing
  true, by correction
  correction: is 'Two' | 2026-03-04 09:00 | bo | edit-2
  missing nothing
  marks nothing
  broken never
extent_note: unchanged by a human since closing
  false, by extent_note
  NOTES
actions: unchanged by a human since closing
  false, by actions
  actions: became 'x' | 2026-03-08 09:00 | cleo | edit-8
  missing corrective action (on 8 March 2026 by Cleo Ray)
  marks actions 2026-03-08T09:00:00+00:00 cleo
  broken 2026-03-08 09:00
root_cause: each change since closing has a reason
  cannot tell, by root_cause (comments)
  CAUSES
impact: each change since closing has a reason
  cannot tell, by impact (comments)
  impact: is 'Two' | 2026-03-07 11:00 | robot | edit-6
  missing nothing
  marks nothing
  broken never
extent_note: each change since closing has a reason
  cannot tell, by extent_note (comments)
  NOTES
location: each change since closing has a reason
  true, by location (comments)
  location: became 'Finance' | 2026-03-07 12:00 | cleo | edit-7
  missing location (on 7 March 2026 by Cleo Ray)
  marks location 2026-03-07T12:00:00+00:00 cleo
  broken 2026-03-07 12:00
actions: each change since closing has a reason
  false, by actions (comments)
  actions: became 'x' | 2026-03-08 09:00 | cleo | edit-8
  missing corrective action (on 8 March 2026 by Cleo Ray)
  marks actions 2026-03-08T09:00:00+00:00 cleo
  broken 2026-03-08 09:00
""",
        changes={**NAMED, "history_gaps": HIDDEN},
        shared=FACTS,
    ),
    "some comments were not delivered": Answers(
        CLOSED,
        "2026-03-10",
        """
root_cause: unchanged by a human since closing
  false, by root_cause
  CAUSES
root_cause: each change since closing has a reason
  true, by root_cause (comments)
  CAUSES
actions: each change since closing has a reason
  cannot tell, by actions (comments)
  actions: became 'x' | 2026-03-08 09:00 | cleo | edit-8
  missing corrective action (on 8 March 2026 by Cleo Ray)
  marks actions 2026-03-08T09:00:00+00:00 cleo
  broken 2026-03-08 09:00
""",
        changes={**NAMED, "undelivered": {"comments": "not delivered"}},
        shared=FACTS,
    ),
    "closed when is not known": Answers(
        CLOSED,
        "2026-03-10",
        """
root_cause: unchanged by a human since closing
  cannot tell, by root_cause
  root_cause: is 'Four' | 2026-03-06 09:00 | cleo | edit-4
  missing nothing
  marks nothing
  broken never
root_cause: each change since closing has a reason
  cannot tell, by root_cause (comments)
  root_cause: is 'Four' | 2026-03-06 09:00 | cleo | edit-4
  missing nothing
  marks nothing
  broken never
""",
        changes={**NAMED, "history_gaps": {"stage": "hidden"}},
        shared=FACTS,
    ),
}


@each_answer(TABLES)
def test_what_a_phrase_answers_about_changes_after_closing(answers: Answers, line: str, expected: list[str]) -> None:
    """Changes before the last closing, by ignored accounts and to the same value count for nothing."""
    assert answer(line, answers.context) == expected
