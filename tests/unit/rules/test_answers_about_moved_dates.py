"""What phrases about moved dates answer: truth, the moves, and those without a reason."""

from __future__ import annotations

from tests.unit.rules.answers import Answers, answer, each_answer

MOVED = """
case: moved dates
accounts: {robot: ignored}
timeline:
  - {day: 2026-03-02, by: ana, due_at: 2026-03-10, effectiveness_due: 2026-03-10, cb_deadline: 2026-03-01, comment: x}
  - {day: 2026-03-03, by: bo, due_at: 2026-03-20, comment: agreed}
  - {day: 2026-03-04, by: robot, due_at: 2026-03-25, comment: a robot}
  - {day: 2026-03-05, by: bo, due_at: 2026-03-15}
  - {day: 2026-03-06, by: bo, effectiveness_due: ""}
  - {day: 2026-03-16 10:00, by: bo, due_at: 2026-04-01, effectiveness_due: 2026-03-20}
  - {day: 2026-03-18, by: bo, due_at: 2026-04-15, replan_reason: the supplier is late}
  - {day: 2026-03-19 10:00, by: bo, comment: because}
  - {day: 2026-03-20 09:59, by: bo, due_at: 2026-05-01, cb_deadline: 2026-02-20}
"""
COMMENTED = MOVED.replace("replan_reason: the supplier is late", "comment: the supplier is late")
BARE = COMMENTED.replace("03-19 10:00", "03-19 09:58")
UNREAD_DATES = BARE.replace("case: moved dates", "case: moved dates\nhistory: incomplete")
NO_REASON = BARE.replace("case: moved dates", "case: moved dates\nunreadable: [replan_reason]")
NO_DATE = BARE.replace("case: moved dates", "case: moved dates\nunreadable: [due_at]")
UNMAPPED = BARE.replace("case: moved dates", "case: moved dates\nunmapped: [replan_reason]")
MOVES = """
due_at: became '20 March 2026' | 2026-03-03 09:00 | bo | edit-1
due_at: became '1 April 2026' | 2026-03-16 10:00 | bo | edit-5
due_at: became '15 April 2026' | 2026-03-18 09:00 | bo | edit-6
due_at: became '1 May 2026' | 2026-03-20 09:59 | bo | edit-8
"""
COMMENTS = """
comment: a human comment | 2026-03-02 09:00 | ana | comment-1
comment: a human comment | 2026-03-03 09:00 | bo | comment-2
comment: a human comment | 2026-03-18 09:00 | bo | comment-4
comment: a human comment | 2026-03-19 09:58 | bo | comment-5
missing from 15 March 2026 to 1 April 2026 (on 16 March 2026); from 15 April 2026 to 1 May 2026 (on 20 March 2026)
"""
FACTS = {"MOVES": MOVES, "COMMENTS": COMMENTS}

TABLES = {
    "moved": Answers(
        MOVED,
        "2026-03-21",
        """
due_at: moved later at most 4 times
  true, by due_at
  MOVES
  broken 2026-03-20 09:59
due_at: moved later at most 3 times
  false, by due_at
  MOVES
  broken 2026-03-20 09:59
effectiveness_due: moved later at most 0 times
  false, by effectiveness_due
  effectiveness_due: became '20 March 2026' | 2026-03-16 10:00 | bo | edit-5
  broken 2026-03-16 10:00
cb_deadline: moved later at most 0 times
  true, by cb_deadline
  cb_deadline: is '20 February 2026' | 2026-03-20 09:59 | bo | edit-8
  broken never
plan_approved_at: moved later at most 0 times
  true, by plan_approved_at
  plan_approved_at: is empty
  broken never
due_at: never moved after it had passed
  false, by due_at
  MOVES
  broken 2026-03-20 09:59
effectiveness_due: never moved after it had passed
  false, by effectiveness_due
  effectiveness_due: became '20 March 2026' | 2026-03-16 10:00 | bo | edit-5
  broken 2026-03-16 10:00
cb_deadline: never moved after it had passed
  true, by cb_deadline
  cb_deadline: is '20 February 2026' | 2026-03-20 09:59 | bo | edit-8
  broken never
due_at: each later move has a reason
  true, by due_at and replan_reason (comments)
  MOVES
  comment: a human comment | 2026-03-02 09:00 | ana | comment-1
  comment: a human comment | 2026-03-03 09:00 | bo | comment-2
  comment: a human comment | 2026-03-19 10:00 | bo | comment-4
  missing nothing
  broken 2026-03-20 09:59
effectiveness_due: each later move has a reason
  true, by effectiveness_due and replan_reason (comments)
  effectiveness_due: became '20 March 2026' | 2026-03-16 10:00 | bo | edit-5
  comment: a human comment | 2026-03-19 10:00 | bo | comment-4
  missing nothing
  broken 2026-03-16 10:00
cb_deadline: each later move has a reason
  true, by cb_deadline and replan_reason (comments)
  cb_deadline: is '20 February 2026' | 2026-03-20 09:59 | bo | edit-8
  missing nothing
  broken never
""",
        shared=FACTS,
    ),
    "a comment before the next move": Answers(
        COMMENTED,
        "2026-03-21",
        """
due_at: each later move has a reason
  false, by due_at and replan_reason (comments)
  MOVES
  comment: a human comment | 2026-03-02 09:00 | ana | comment-1
  comment: a human comment | 2026-03-03 09:00 | bo | comment-2
  comment: a human comment | 2026-03-18 09:00 | bo | comment-4
  comment: a human comment | 2026-03-19 10:00 | bo | comment-5
  missing from 15 March 2026 to 1 April 2026 (on 16 March 2026)
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "no comment for the last move": Answers(
        BARE,
        "2026-03-21",
        """
due_at: each later move has a reason
  false, by due_at and replan_reason (comments)
  MOVES
  COMMENTS
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "the history is incomplete": Answers(
        UNREAD_DATES,
        "2026-03-21",
        """
due_at: moved later at most 4 times
  cannot tell, by due_at
  MOVES
  broken 2026-03-20 09:59
due_at: moved later at most 3 times
  false, by due_at
  MOVES
  broken 2026-03-20 09:59
effectiveness_due: never moved after it had passed
  false, by effectiveness_due
  effectiveness_due: became '20 March 2026' | 2026-03-16 10:00 | bo | edit-5
  broken 2026-03-16 10:00
cb_deadline: each later move has a reason
  cannot tell, by cb_deadline and replan_reason (comments)
  cb_deadline: is '20 February 2026' | 2026-03-20 09:59 | bo | edit-8
  missing nothing
  broken never
due_at: each later move has a reason
  false, by due_at and replan_reason (comments)
  MOVES
  COMMENTS
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "the reason cannot be read": Answers(
        NO_REASON,
        "2026-03-21",
        """
due_at: each later move has a reason
  cannot tell, by due_at and replan_reason (comments)
  MOVES
  COMMENTS
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "a reason in the edit of the last move": Answers(
        BARE.replace("due_at: 2026-05-01,", "due_at: 2026-05-01, replan_reason: x,"),
        "2026-03-22",
        """
due_at: each later move has a reason
  true, by due_at and replan_reason (comments)
  MOVES
  comment: a human comment | 2026-03-02 09:00 | ana | comment-1
  comment: a human comment | 2026-03-03 09:00 | bo | comment-2
  comment: a human comment | 2026-03-18 09:00 | bo | comment-4
  comment: a human comment | 2026-03-19 09:58 | bo | comment-5
  missing nothing
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "a robot gave the reason": Answers(
        BARE + "  - {day: 2026-03-21, by: robot, replan_reason: x}\n",
        "2026-03-22",
        """
due_at: each later move has a reason
  false, by due_at and replan_reason (comments)
  MOVES
  COMMENTS
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "the reason was given before": Answers(
        BARE.replace("comment: agreed", "replan_reason: agreed"),
        "2026-03-22",
        """
due_at: each later move has a reason
  false, by due_at and replan_reason (comments)
  MOVES
  comment: a human comment | 2026-03-02 09:00 | ana | comment-1
  comment: a human comment | 2026-03-18 09:00 | bo | comment-3
  comment: a human comment | 2026-03-19 09:58 | bo | comment-4
  missing from 15 March 2026 to 1 April 2026 (on 16 March 2026); from 15 April 2026 to 1 May 2026 (on 20 March 2026)
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "the reason is not mapped": Answers(
        UNMAPPED,
        "2026-03-21",
        """
due_at: each later move has a reason
  false, by due_at and replan_reason (comments)
  MOVES
  COMMENTS
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "the date cannot be read": Answers(
        NO_DATE,
        "2026-03-21",
        """
due_at: moved later at most 4 times
  cannot tell, by due_at
  MOVES
  broken 2026-03-20 09:59
due_at: each later move has a reason
  false, by due_at and replan_reason (comments)
  MOVES
  COMMENTS
  broken 2026-03-20 09:59
""",
        shared=FACTS,
    ),
    "the history of the reason is not known": Answers(
        BARE,
        "2026-03-21",
        """
due_at: each later move has a reason
  cannot tell, by due_at and replan_reason (comments)
  MOVES
  COMMENTS
  broken 2026-03-20 09:59
""",
        changes={"history_gaps": {"replan_reason": "hidden"}},
        shared=FACTS,
    ),
    "the history of the date is not known": Answers(
        BARE,
        "2026-03-21",
        """
due_at: moved later at most 4 times
  cannot tell, by due_at
  MOVES
  broken 2026-03-20 09:59
due_at: never moved after it had passed
  false, by due_at
  MOVES
  broken 2026-03-20 09:59
""",
        changes={"history_gaps": {"due_at": "hidden"}},
        shared=FACTS,
    ),
    "some comments were not delivered": Answers(
        BARE,
        "2026-03-21",
        """
due_at: each later move has a reason
  cannot tell, by due_at and replan_reason (comments)
  MOVES
  COMMENTS
  broken 2026-03-20 09:59
""",
        changes={"undelivered": {"comments": "not delivered"}},
        shared=FACTS,
    ),
}


@each_answer(TABLES)
def test_what_a_phrase_answers_about_moved_dates(answers: Answers, line: str, expected: list[str]) -> None:
    """A reason is the field, filled in the same edit or later, or a comment from a day before up to the next move."""
    assert answer(line, answers.context) == expected
