"""What phrases about actions, and about causes that actions name, answer: truth, facts and what is missing."""

from __future__ import annotations

from dataclasses import replace

from capa_sync.model.comment_texts import ENGLISH
from tests.unit.rules.answers import Answers, answer, each_answer

LIFE = """
case: actions
settings: {timezone: Europe/London}
timeline:
  - day: 2026-06-01
    by: ana
    root_cause: "C1: no deputy is named. C2: nobody is reminded. C10: no check"
    correction: The mailbox was disabled at once
  - day: 2026-06-02
    by: bo
    actions:
      - {id: A1, text: Name a deputy in the procedure (C1), owner: bo, due_at: 2026-06-10}
      - {id: A2, due_at: 2026-06-12}
      - {id: A3, text: Remind all staff (C2), owner: {error: no such account}, due_at: {placeholder: TBD}}
      - {id: A4, kind: preventive, text: The mailbox was disabled at once, owner: cleo, due_at: 2026-06-10}
      - {id: A5, text: Cancelled, cancelled: yes}
      - {id: A6, kind: correction, text: Not counted}
  - {day: 2026-06-09, by: bo, hold: yes}
  - {day: 2026-06-11 10:00, by: cleo, hold: no, action: {id: A1, done: yes}}
  - {day: 2026-06-12 10:00, by: cleo, action: {id: A4, done: yes, evidence: CHG0031}}
"""
DONE = LIFE.replace("      - {id: A2, due_at: 2026-06-12}\n", "").replace("(C2)", "for C2 and C10")
UNREAD = (
    LIFE.replace("Cancelled, cancelled: yes", "Hidden, readable: no")
    .replace("id: A2, due_at: 2026-06-12", "id: A2, text: {unreadable: hidden}, due_at: {error: no date}")
    .replace("{placeholder: TBD}", "2026-07-01")
)
NONE = "case: none\ntimeline: [{day: 2026-06-01, by: ana, root_cause: 'C1: no deputy', correction: x}]"
UNMAPPED = NONE.replace("timeline", "unmapped: [actions, root_cause]\ntimeline")
NAMED = {"people_names": {"bo": "Bo Lind", "cleo": "Cleo Ray"}}
A2 = "actions: A2: due 12 June 2026, without an owner, open | A2\n"
FOUR = f"""
actions: A1: due 10 June 2026, owner Bo Lind, done 11 June 2026 | 2026-06-11 09:00 | A1
{A2}actions: A3: without a due date, an owner that cannot be read, open | A3
actions: A4: due 10 June 2026, owner Cleo Ray, done 12 June 2026 | 2026-06-12 09:00 | A4
"""
FIVE = """
actions: A1: due 10 June 2026, owner Bo Lind, done 11 June 2026 | 2026-06-11 09:00 | A1
actions: A2: a due date that cannot be read, without an owner, open | A2
actions: A3: due 1 July 2026, an owner that cannot be read, open | A3
actions: A4: due 10 June 2026, owner Cleo Ray, done 12 June 2026 | 2026-06-12 09:00 | A4
actions: A5: without a due date, without an owner, cannot be read | A5
actions: A5 cannot be read
"""
OPEN = f"""
actions: A1: due 10 June 2026, owner Bo Lind, open | A1
{A2}actions: A3: without a due date, an owner that cannot be read, open | A3
actions: A4: due 10 June 2026, owner Cleo Ray, open | A4
"""

TABLES = {
    "some lack a part": Answers(
        LIFE,
        "2026-06-15 12:00",
        """
actions: each has text, owner, due_at
  false, by actions
  FACTS
  missing text and owner of A2; due date of A3
actions: at most 1 are open
  false, by actions
  FACTS
  missing completion of A2; completion of A3
actions: at most 2 are open
  true, by actions
  FACTS
  missing completion of A2; completion of A3
actions: none is overdue by more than 1 day
  true until 2026-06-13 23:00, then false, by actions
  FACTS
  missing A2 (due 12 June 2026)
actions: none is overdue by more than 2 days
  true until 2026-06-14 23:00, then false, by actions
  FACTS
  missing A2 (due 12 June 2026)
actions: each done one has evidence
  false, by actions
  FACTS
  missing evidence for A1
actions: name each cause that root_cause numbers
  false, by actions and root_cause
  root_cause: is 'C1: no deputy is named. C2: nobody is reminded. C10: no check' | 2026-06-01 08:00 | ana | birth
  FACTS
  missing C10
actions: name each cause that correction numbers
  true, by actions and correction
  correction: is 'The mailbox was disabled at once' | 2026-06-01 08:00 | ana | birth
  FACTS
  missing nothing
actions: at least one is no reminder and shares less than 60 percent of its words with correction
  true, by actions and correction
  FACTS
root_cause: numbers at least 3 causes
  true, by root_cause (present)
root_cause: numbers at least 4 causes
  false, by root_cause (present)
correction: numbers at least 1 causes
  false, by correction (present)
actions: filled
  true, by actions (present)
actions: at least 4
  true, by actions
actions: at least 5
  false, by actions
actions: at most 3
  false, by actions
actions: at most 4
  true, by actions
action_owners: filled
  true, by action_owners (present)
""",
        changes=NAMED,
        shared={"FACTS": FOUR},
    ),
    "the day has ended": Answers(
        LIFE,
        "2026-06-14 00:00",
        """
actions: none is overdue by more than 1 day
  true until 2026-06-13 23:00, then false, by actions
  FACTS
  missing A2 (due 12 June 2026)
""",
        changes=NAMED,
        shared={"FACTS": FOUR},
    ),
    "the day has not ended": Answers(
        LIFE,
        "2026-06-13 23:59",
        """
actions: none is overdue by more than 1 day
  true until 2026-06-13 23:00, then false, by actions
  FACTS
  missing nothing
""",
        changes=NAMED,
        shared={"FACTS": FOUR},
    ),
    "on hold": Answers(
        LIFE,
        "2026-06-10 12:00",
        """
actions: none is overdue by more than 0 days
  true for ever, by actions
  FACTS
  missing nothing
""",
        changes=NAMED,
        shared={"FACTS": OPEN},
    ),
    "all have a text": Answers(
        DONE,
        "2026-06-15 12:00",
        """
actions: each has text
  true, by actions
  FACTS
  missing nothing
actions: each has owner
  cannot tell, by actions
  FACTS
  missing nothing
actions: each done one has evidence
  false, by actions
  FACTS
  missing evidence for A1
actions: name each cause that root_cause numbers
  true, by actions and root_cause
  root_cause: is 'C1: no deputy is named. C2: nobody is reminded. C10: no check' | 2026-06-01 08:00 | ana | birth
  FACTS
  missing nothing
actions: none is overdue by more than 1 day
  true for ever, by actions
  FACTS
  missing nothing
""",
        changes=NAMED,
        shared={"FACTS": FOUR.replace(A2, "")},
    ),
    "some cannot be read": Answers(
        UNREAD,
        "2026-06-15 12:00",
        """
actions: each has text
  cannot tell, by actions
  FACTS
  missing nothing
actions: each has due_at
  cannot tell, by actions
  FACTS
  missing nothing
actions: each has evidence
  false, by actions
  FACTS
  missing evidence of A1; evidence of A2; evidence of A3
actions: at most 1 are open
  false, by actions
  FACTS
  missing completion of A2; completion of A3
actions: at most 2 are open
  cannot tell, by actions
  FACTS
  missing completion of A2; completion of A3
actions: none is overdue by more than 1 day
  cannot tell until 2026-07-02 23:00, then false, by actions
  FACTS
  missing nothing
actions: name each cause that root_cause numbers
  cannot tell, by actions and root_cause
  root_cause: is 'C1: no deputy is named. C2: nobody is reminded. C10: no check' | 2026-06-01 08:00 | ana | birth
  FACTS
  missing C10
actions: at least one is no reminder and shares less than 60 percent of its words with correction
  true, by actions and correction
  FACTS
actions: at least 6
  cannot tell, by actions
actions: at most 5
  cannot tell, by actions
""",
        changes=NAMED,
        shared={"FACTS": FIVE},
    ),
    "one cannot be read": Answers(
        LIFE.replace("Cancelled, cancelled: yes", "Hidden, readable: no"),
        "2026-06-15 12:00",
        """
actions: name each cause that root_cause numbers
  cannot tell, by actions and root_cause
  root_cause: is 'C1: no deputy is named. C2: nobody is reminded. C10: no check' | 2026-06-01 08:00 | ana | birth
  FACTS
  actions: A5: without a due date, without an owner, cannot be read | A5
  actions: A5 cannot be read
  missing C10
""",
        changes=NAMED,
        shared={"FACTS": FOUR},
    ),
    "a cause that is a stand-in": Answers(
        NONE.replace("'C1: no deputy'", "{placeholder: 'C1: TBD'}"),
        "2026-06-15 12:00",
        """
actions: name each cause that root_cause numbers
  true, by actions and root_cause
  root_cause: holds only a placeholder, 'C1: TBD' | 2026-06-01 09:00 | ana | birth
  actions: there is none
  missing nothing
""",
    ),
    "there is none": Answers(
        NONE,
        "2026-06-15 12:00",
        """
actions: each has text
  true, by actions
  actions: there is none
  missing nothing
actions: at most 0 are open
  true, by actions
  actions: there is none
  missing nothing
actions: none is overdue by more than 1 day
  true for ever, by actions
  actions: there is none
  missing nothing
actions: each done one has evidence
  true, by actions
  actions: there is none
  missing nothing
actions: name each cause that root_cause numbers
  false, by actions and root_cause
  root_cause: is 'C1: no deputy' | 2026-06-01 09:00 | ana | birth
  actions: there is none
  missing C1
actions: name each cause that location numbers
  true, by actions and location
  location: is empty
  actions: there is none
  missing nothing
actions: at least one is no reminder and shares less than 60 percent of its words with correction
  false, by actions and correction
  actions: there is none
actions: at least 1
  false, by actions
actions: at most 0
  true, by actions
replans: at most 0
  true, by replans
similar_refs: at least 1
  false, by similar_refs
""",
    ),
    "none is mapped": Answers(
        UNMAPPED,
        "2026-06-15 12:00",
        """
actions: each has text
  cannot tell, by actions
  actions: the mapping names no place for actions
  missing nothing
actions: at most 0 are open
  cannot tell, by actions
  actions: the mapping names no place for actions
  missing nothing
actions: none is overdue by more than 1 day
  cannot tell for ever, by actions
  actions: the mapping names no place for actions
  missing nothing
actions: each done one has evidence
  cannot tell, by actions
  actions: the mapping names no place for actions
  missing nothing
actions: name each cause that root_cause numbers
  cannot tell, by actions and root_cause
  root_cause: is unmapped
  actions: the mapping names no place for actions
  missing nothing
actions: at least one is no reminder and shares less than 60 percent of its words with correction
  cannot tell, by actions and correction
  actions: the mapping names no place for actions
  because of what it reads
root_cause: numbers at least 1 causes
  cannot tell, by root_cause (present)
actions: filled
  cannot tell, by actions (present)
actions: at least 1
  cannot tell, by actions
actions: at most 0
  cannot tell, by actions
""",
    ),
}


@each_answer(TABLES)
def test_what_a_phrase_answers_about_actions(answers: Answers, line: str, expected: list[str]) -> None:
    """A cancelled action and one that is no corrective or preventive one count for nothing."""
    assert answer(line, answers.context) == expected


def test_what_an_action_lacks_is_named_in_the_language_of_the_ticket() -> None:
    """Parts have the names of the texts in use; an action without a key is called by its text, else by its id."""
    life = """
case: names
timeline:
  - day: 2026-06-01
    actions: [{id: A1, text: Train, evidence: CHG1}, {id: A2, owner: bo, due_at: 2026-06-02}, {id: A3, owner: bo}]
"""
    context = Answers(life, "2026-06-15", "").context
    context.actions = [replace(action, key="" if action.id != "A3" else "K3") for action in context.actions]
    context.texts = replace(ENGLISH, fields={"owner": "Zuständig", "evidence": "Beleg"})
    found = answer("actions: each has owner, due_at, evidence", context)
    assert found[-1] == ("missing Zuständig and due date of Train; Beleg of A2; due date and Beleg of K3")
