"""What phrases about dates and deadlines answer: the instant at which time changes their truth, and the facts."""

from __future__ import annotations

from tests.unit.rules.answers import Answers, answer, each_answer

LIFE = """
case: dates
settings: {timezone: Europe/London, holidays: [2026-05-25]}
unmapped: [occurred_at]
timeline:
  - day: 2026-05-20
    by: ana
    grade: minor
    detected_at: 2026-05-20
    due_at: 2026-06-05 15:00
    effectiveness_due: 2026-06-10
    correction_at: 2026-05-20
    effectiveness_at: 2026-05-22 23:30
    communicated_at: 2026-05-21 00:30
    cb_deadline: CB
"""
EARLY, LATE, MINUTE = (LIFE.replace("CB", day) for day in ("2026-06-30", "2026-12-24", "2026-06-30 15:00"))
GRADED = LATE.replace("minor", "major")
PAUSED = LATE + "  - {day: 2026-05-21, by: ana, hold: yes}\n  - {day: 2026-05-23, by: ana, hold: no}\n"
HELD, HELD_EARLY = (life + "  - {day: 2026-05-21, by: ana, hold: yes}\n" for life in (LATE, EARLY))
UNGRADED, NO_GRADE = (LATE.replace("minor", grade) for grade in ("{placeholder: TBD}", "{error: no such option}"))
UNSURE = LATE.replace("unmapped: [occurred_at]", "unmapped: [grade]\nunreadable: [detected_at, effectiveness_at]")

REVIEW = """
case: review
settings: {timezone: Europe/London}
timeline:
  - day: 2026-06-01
    by: ana
    grade: GRADE
    correction_at: 2026-06-01
    communicated_at: 2026-06-14 23:30
    plan_approved_at: 2026-06-15
  - {day: 2026-06-02, by: ana, hold: yes}
"""
MAJOR, MINOR, NONE = (REVIEW.replace("GRADE", grade) for grade in ("major", "minor", "{placeholder: TBD}"))

TABLES = {
    "from a date on": Answers(
        LATE,
        "2026-05-24 12:00",
        """
detected_at: more than 3 days ago
  false until 2026-05-23 23:00, then true, by detected_at
due_at: more than 3 days ago
  false until 2026-06-08 14:00, then true, by due_at
location: filled
  false, by location (present)
plan_approved_at: more than 3 days ago
  false for ever, by plan_approved_at
occurred_at: more than 3 days ago
  cannot tell for ever, by occurred_at
detected_at: not more than 3 days ago
  true until 2026-05-23 23:00, then false, by detected_at
plan_approved_at: not more than 3 days ago
  false for ever, by plan_approved_at
detected_at: more than 3 business days ago
  false until 2026-05-26 23:00, then true, by detected_at
detected_at: not more than 3 business days ago
  true until 2026-05-26 23:00, then false, by detected_at
detected_at: not in the past
  true until 2026-05-20 23:00, then false, by detected_at
due_at: not in the past
  true until 2026-06-05 14:00, then false, by due_at
effectiveness_due: more than 2 days ago without days on hold
  false until 2026-06-12 23:00, then true, by effectiveness_due
identified_at: past the contain deadline
  false until 2026-06-04 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the contain deadline ends on 4 June 2026
plan_approved_at: past the contain deadline
  false for ever, by plan_approved_at and grade
  plan_approved_at: is empty
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
identified_at: past the root-cause deadline
  false until 2026-06-19 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the root-cause deadline ends on 19 June 2026
identified_at: past the implement deadline
  false until 2026-08-18 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the implement deadline ends on 18 August 2026
created_at: past the effectiveness deadline
  false until 2026-08-18 23:00, then true, by created_at and grade
  created_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the effectiveness deadline ends on 18 August 2026
detected_at: on or before correction_at
  true, by detected_at and correction_at
communicated_at: on or before correction_at
  false, by communicated_at and correction_at
correction_at: on or before communicated_at
  true, by correction_at and communicated_at
detected_at: on or before plan_approved_at
  false, by detected_at and plan_approved_at
plan_approved_at: on or before detected_at
  false, by plan_approved_at and detected_at
detected_at: on or before occurred_at
  cannot tell, by detected_at and occurred_at
occurred_at: on or before detected_at
  cannot tell, by occurred_at and detected_at
communicated_at: within 1 days of detected_at
  true, by communicated_at and detected_at
communicated_at: within 0 days of detected_at
  false, by communicated_at and detected_at
detected_at: within 2 days of effectiveness_at
  true, by detected_at and effectiveness_at
detected_at: within 1 days of effectiveness_at
  false, by detected_at and effectiveness_at
effectiveness_at: at least 2 days after detected_at
  true, by effectiveness_at and detected_at
effectiveness_at: at least 3 days after detected_at
  false, by effectiveness_at and detected_at
detected_at: at least 0 days after effectiveness_at
  false, by detected_at and effectiveness_at
""",
    ),
    "an earlier day of the certification body": Answers(
        EARLY,
        "2026-05-24 12:00",
        """
identified_at: past the implement deadline
  false until 2026-06-30 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the implement deadline ends on 30 June 2026
identified_at: past the plan deadline
  false until 2026-07-04 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the plan deadline ends on 4 July 2026
""",
    ),
    "an instant of the certification body": Answers(
        MINUTE,
        "2026-05-24 12:00",
        """
identified_at: past the implement deadline
  false until 2026-06-30 14:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the implement deadline ends on 30 June 2026
""",
    ),
    "of another grade": Answers(
        GRADED,
        "2026-05-24 12:00",
        """
identified_at: past the contain deadline
  false until 2026-05-28 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'major' | 2026-05-20 08:00 | ana | birth
  deadline: the contain deadline ends on 28 May 2026
""",
    ),
    "days on hold": Answers(
        PAUSED,
        "2026-05-24 12:00",
        """
detected_at: more than 3 days ago
  false until 2026-05-23 23:00, then true, by detected_at
detected_at: more than 3 days ago without days on hold
  false until 2026-05-25 23:00, then true, by detected_at
detected_at: more than 3 business days ago
  false until 2026-05-26 23:00, then true, by detected_at
identified_at: past the contain deadline
  false until 2026-06-08 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the contain deadline ends on 8 June 2026
identified_at: past the implement deadline
  false until 2026-08-20 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the implement deadline ends on 20 August 2026
""",
    ),
    "on hold": Answers(
        HELD,
        "2026-05-24 12:00",
        """
detected_at: more than 3 days ago without days on hold
  false for ever, by detected_at
identified_at: past the contain deadline
  false for ever, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
""",
    ),
    "on hold, with a day of the certification body": Answers(
        HELD_EARLY,
        "2026-05-24 12:00",
        """
identified_at: past the implement deadline
  false until 2026-06-30 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is 'minor' | 2026-05-20 08:00 | ana | birth
  deadline: the implement deadline ends on 30 June 2026
""",
    ),
    "without a grade": Answers(
        UNGRADED,
        "2026-05-24 12:00",
        """
identified_at: past the contain deadline
  false until 2026-06-04 23:00, then true, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: holds only a placeholder, 'TBD' | 2026-05-20 08:00 | ana | birth
  deadline: the contain deadline ends on 4 June 2026
""",
    ),
    "without a grade that can be read": Answers(
        NO_GRADE,
        "2026-05-24 12:00",
        """
identified_at: past the contain deadline
  cannot tell for ever, by identified_at and grade
  identified_at: is '20 May 2026'
  grade: is error: no such option | 2026-05-20 08:00 | ana | birth
  deadline: the contain deadline ends on 4 June 2026
effectiveness_at: not before the contain deadline of detected_at
  cannot tell, by effectiveness_at and detected_at and grade
""",
    ),
    "unsure": Answers(
        UNSURE,
        "2026-05-24 12:00",
        """
identified_at: past the contain deadline
  cannot tell for ever, by identified_at and grade
  identified_at: is unreadable: the test says so
  grade: is unmapped
created_at: past the contain deadline
  false until 2026-06-04 23:00, then true, by created_at and grade
  created_at: is '20 May 2026'
  grade: is unmapped
  deadline: the contain deadline ends on 4 June 2026
detected_at: more than 3 days ago
  cannot tell for ever, by detected_at
detected_at: not in the past
  cannot tell for ever, by detected_at
detected_at: on or before correction_at
  cannot tell, by detected_at and correction_at
effectiveness_at: not before the contain deadline of correction_at
  cannot tell, by effectiveness_at and correction_at and grade
correction_at: not before the contain deadline of detected_at
  cannot tell, by correction_at and detected_at and grade
correction_at: not before the contain deadline of communicated_at
  false, by correction_at and communicated_at and grade
""",
    ),
    "a deadline as a minimum": Answers(
        MAJOR,
        "2026-06-20",
        """
communicated_at: not before the root-cause deadline of correction_at
  false, by communicated_at and correction_at and grade
plan_approved_at: not before the root-cause deadline of correction_at
  true, by plan_approved_at and correction_at and grade
plan_approved_at: not before the root-cause deadline of effectiveness_at
  false, by plan_approved_at and effectiveness_at and grade
effectiveness_at: not before the root-cause deadline of correction_at
  false, by effectiveness_at and correction_at and grade
plan_approved_at: not before the contain deadline of correction_at
  true, by plan_approved_at and correction_at and grade
""",
    ),
    "a deadline as a minimum, by grade": Answers(
        MINOR,
        "2026-06-20",
        """
plan_approved_at: not before the root-cause deadline of correction_at
  false, by plan_approved_at and correction_at and grade
plan_approved_at: not before the contain deadline of correction_at
  true, by plan_approved_at and correction_at and grade
""",
    ),
    "a deadline as a minimum, without a grade": Answers(
        NONE,
        "2026-06-20",
        """
plan_approved_at: not before the root-cause deadline of correction_at
  false, by plan_approved_at and correction_at and grade
plan_approved_at: not before the contain deadline of correction_at
  true, by plan_approved_at and correction_at and grade
""",
    ),
}


@each_answer(TABLES)
def test_what_a_phrase_answers_about_dates(answers: Answers, line: str, expected: list[str]) -> None:
    """A date ends at 24:00 of the organisation's zone; an empty one meets no comparison."""
    assert answer(line, answers.context) == expected
