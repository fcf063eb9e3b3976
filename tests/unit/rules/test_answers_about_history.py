"""What phrases about past values answer: truth, and the history entries behind it."""

from __future__ import annotations

from tests.unit.rules.answers import Answers, answer, each_answer

LIFE = """
case: history
accounts: {robot: ignored}
timeline:
  - {day: 2026-03-02, by: ana, grade: minor, root_cause: One, description: One, owner: ana}
  - {day: 2026-03-04, by: bo, stage: planned, grade: major, correction: {media: yes}, action: {id: A1, text: Train}}
  - {day: 2026-03-05, by: robot, root_cause: Two, description: ""}
  - {day: 2026-03-06, by: bo, root_cause: Three, effectiveness_result: effective, owner: {placeholder: TBD}}
  - {day: 2026-03-07, by: cleo, stage: analysed, root_cause: Three, location: Finance, action: {id: A1, owner: bo}}
  - {day: 2026-03-08, by: cleo, stage: planned, root_cause: Four, action: {id: C1, kind: correction, text: x}}
  - {day: 2026-03-09, by: cleo, root_cause: Five, effectiveness_result: effective, extent_result: found}
"""
ERROR = (
    LIFE.replace("grade: minor", "grade: {error: no such option}")
    .replace("description: One", "impact: x")
    .replace(
        "stage: analysed, root_cause: Three", "grade: minor, description: {error: gone}, root_cause: {error: gone}"
    )
)
UNREAD = LIFE.replace("case: history", "case: history\nhistory: incomplete")
BLIND = LIFE.replace("case: history", "case: history\nunreadable: [root_cause, grade, description]")
UNMAPPED = LIFE.replace("case: history", "case: history\nunmapped: [effectiveness_result, actions]")
FACTS = {
    "GRADES": """
grade: was 'minor' at creation | 2026-03-02 09:00 | ana | birth
grade: became 'major' | 2026-03-04 09:00 | bo | edit-1
""",
    "DESCRIPTIONS": """
description: was 'One' at creation | 2026-03-02 09:00 | ana | birth
description: became empty, by an account that stands for no person | 2026-03-05 09:00 | robot | edit-2
""",
    "CAUSES": """
root_cause: was 'One' at creation | 2026-03-02 09:00 | ana | birth
root_cause: became 'Two', by an account that stands for no person | 2026-03-05 09:00 | robot | edit-2
root_cause: became 'Three' | 2026-03-06 09:00 | bo | edit-3
root_cause: became 'Three' | 2026-03-07 09:00 | cleo | edit-4
root_cause: became 'Four' | 2026-03-08 09:00 | cleo | edit-5
root_cause: became 'Five' | 2026-03-09 09:00 | cleo | edit-6
""",
    "THREE TO FIVE": """
root_cause: became 'Three' | 2026-03-06 09:00 | bo | edit-3
root_cause: became 'Four' | 2026-03-08 09:00 | cleo | edit-5
root_cause: became 'Five' | 2026-03-09 09:00 | cleo | edit-6
""",
    "FOUR AND FIVE": """
root_cause: became 'Four' | 2026-03-08 09:00 | cleo | edit-5
root_cause: became 'Five' | 2026-03-09 09:00 | cleo | edit-6
""",
    "FINANCE": "location: became 'Finance' | 2026-03-07 09:00 | cleo | edit-4",
    "ACTIONS": """
actions: became 'Train' | 2026-03-04 09:00 | bo | edit-1
actions: became 'Train' | 2026-03-07 09:00 | cleo | edit-4
""",
}
"""A word of the tables -> facts."""

TABLES = {
    "all is known": Answers(
        LIFE,
        "2026-03-10",
        """
grade: has been minor
  true, by grade
  GRADES
grade: has been major
  true, by grade
  GRADES
grade: has been observation
  false, by grade
  GRADES
description: emptied again
  true, by description
  DESCRIPTIONS
root_cause: emptied again
  false, by root_cause
  CAUSES
location: emptied again
  false, by location
  FINANCE
impact: emptied again
  false, by impact
  impact: is empty
owner: emptied again
  true, by owner
  owner: was 'ana' at creation | 2026-03-02 09:00 | ana | birth
  owner: became 'TBD' (placeholder) | 2026-03-06 09:00 | bo | edit-3
correction: emptied again
  false, by correction
  correction: became an image or attachment alone | 2026-03-04 09:00 | bo | edit-1
root_cause: changed after location was first filled
  true, by root_cause and location
  FOUR AND FIVE
root_cause: changed after effectiveness_result was first filled
  true, by root_cause and effectiveness_result
  FOUR AND FIVE
location: changed after effectiveness_result was first filled
  true, by location and effectiveness_result
  FINANCE
owner: changed after location was first filled
  false, by owner and location
  owner: not changed after location
owner: changed after impact was first filled
  false, by owner and impact
  owner: not changed after impact
actions: changed after root_cause was first filled
  true, by actions and root_cause
  ACTIONS
actions: changed after location was first filled
  false, by actions and location
  actions: not changed after location
location: changed after action_started_at was first filled
  true, by location and action_started_at
  FINANCE
root_cause: changed after effectiveness_result last changed
  true, by root_cause and effectiveness_result
  FOUR AND FIVE
location: changed after effectiveness_result last changed
  true, by location and effectiveness_result
  FINANCE
owner: changed after effectiveness_result last changed
  false, by owner and effectiveness_result
  owner: not changed after effectiveness result
owner: changed after impact last changed
  false, by owner and impact
  owner: not changed after impact
extent_result: changed after location last changed
  true, by extent_result and location
  extent_result: became 'found' | 2026-03-09 09:00 | cleo | edit-6
extent_result: changed after location was first filled
  true, by extent_result and location
  extent_result: became 'found' | 2026-03-09 09:00 | cleo | edit-6
extent_result: changed at most 0 times after the record first became planned
  false, by extent_result
  extent_result: became 'found' | 2026-03-09 09:00 | cleo | edit-6
root_cause: changed at most 3 times after the record first became planned
  true, by root_cause
  THREE TO FIVE
root_cause: changed at most 2 times after the record first became planned
  false, by root_cause
  THREE TO FIVE
owner: changed at most 0 times after the record first became planned
  false, by owner
  owner: became 'TBD' (placeholder) | 2026-03-06 09:00 | bo | edit-3
owner: changed at most 0 times after the record first became verified
  true, by owner
  owner: holds only a placeholder, 'TBD' | 2026-03-06 09:00 | bo | edit-3
correction: changed at most 0 times after the record first became planned
  true, by correction
  correction: is an image or attachment alone | 2026-03-04 09:00 | bo | edit-1
rca_method: has been five_whys
  false, by rca_method
  rca_method: is empty
stage: became planned more than 3 days ago
  false until 2026-03-11 09:00, then true, by stage
stage: became analysed more than 3 days ago
  false for ever, by stage
grade: became major more than 3 days ago
  false until 2026-03-07 09:00, then true, by grade
grade: became minor more than 3 days ago
  false for ever, by grade
source_status: became open more than 3 days ago
  false until 2026-03-05 09:00, then true, by source_status
""",
        shared=FACTS,
    ),
    "a value in the past is an error": Answers(
        ERROR,
        "2026-03-10",
        """
grade: has been minor
  true, by grade
  grade: was an unknown value (error) at creation | 2026-03-02 09:00 | ana | birth
  grade: became 'major' | 2026-03-04 09:00 | bo | edit-1
  grade: became 'minor' | 2026-03-07 09:00 | cleo | edit-4
grade: has been major
  true, by grade
  grade: was an unknown value (error) at creation | 2026-03-02 09:00 | ana | birth
  grade: became 'major' | 2026-03-04 09:00 | bo | edit-1
  grade: became 'minor' | 2026-03-07 09:00 | cleo | edit-4
grade: has been observation
  cannot tell, by grade
  grade: was an unknown value (error) at creation | 2026-03-02 09:00 | ana | birth
  grade: became 'major' | 2026-03-04 09:00 | bo | edit-1
  grade: became 'minor' | 2026-03-07 09:00 | cleo | edit-4
description: emptied again
  cannot tell, by description
  description: became empty, by an account that stands for no person | 2026-03-05 09:00 | robot | edit-2
  description: became an unknown value (error) | 2026-03-07 09:00 | cleo | edit-4
root_cause: emptied again
  false, by root_cause
  root_cause: was 'One' at creation | 2026-03-02 09:00 | ana | birth
  root_cause: became 'Two', by an account that stands for no person | 2026-03-05 09:00 | robot | edit-2
  root_cause: became 'Three' | 2026-03-06 09:00 | bo | edit-3
  root_cause: became an unknown value (error) | 2026-03-07 09:00 | cleo | edit-4
  FOUR AND FIVE
grade: became major more than 3 days ago
  false for ever, by grade
grade: became minor more than 3 days ago
  false until 2026-03-10 09:00, then true, by grade
impact: emptied again
  false, by impact
  impact: was 'x' at creation | 2026-03-02 09:00 | ana | birth
actions: changed after grade was first filled
  true, by actions and grade
  actions: became 'Train' | 2026-03-07 09:00 | cleo | edit-4
location: changed after grade was first filled
  true, by location and grade
  FINANCE
actions: changed after description was first filled
  cannot tell, by actions and description
  actions: not changed after description
""",
        shared=FACTS,
    ),
    "the history is incomplete": Answers(
        UNREAD,
        "2026-03-10",
        """
grade: has been minor
  true, by grade
  grade: was 'minor' where the history that could be read begins
  grade: became 'major' | 2026-03-04 09:00 | bo | edit-1
grade: has been major
  true, by grade
  grade: was 'minor' where the history that could be read begins
  grade: became 'major' | 2026-03-04 09:00 | bo | edit-1
grade: has been observation
  cannot tell, by grade
  grade: was 'minor' where the history that could be read begins
  grade: became 'major' | 2026-03-04 09:00 | bo | edit-1
description: emptied again
  true, by description
  description: was 'One' where the history that could be read begins
  description: became empty, by an account that stands for no person | 2026-03-05 09:00 | robot | edit-2
root_cause: emptied again
  false, by root_cause
  root_cause: was 'One' where the history that could be read begins
  root_cause: became 'Two', by an account that stands for no person | 2026-03-05 09:00 | robot | edit-2
  root_cause: became 'Three' | 2026-03-06 09:00 | bo | edit-3
  root_cause: became 'Three' | 2026-03-07 09:00 | cleo | edit-4
  FOUR AND FIVE
location: emptied again
  false, by location
  FINANCE
impact: emptied again
  cannot tell, by impact
  impact: is empty
owner: emptied again
  true, by owner
  owner: was 'ana' where the history that could be read begins
  owner: became 'TBD' (placeholder) | 2026-03-06 09:00 | bo | edit-3
correction: emptied again
  false, by correction
  correction: became an image or attachment alone | 2026-03-04 09:00 | bo | edit-1
root_cause: changed after location was first filled
  true, by root_cause and location
  FOUR AND FIVE
root_cause: changed after effectiveness_result was first filled
  true, by root_cause and effectiveness_result
  FOUR AND FIVE
location: changed after effectiveness_result was first filled
  true, by location and effectiveness_result
  FINANCE
owner: changed after location was first filled
  cannot tell, by owner and location
  owner: not changed after location
owner: changed after impact was first filled
  cannot tell, by owner and impact
  owner: not changed after impact
actions: changed after root_cause was first filled
  true, by actions and root_cause
  ACTIONS
actions: changed after location was first filled
  cannot tell, by actions and location
  actions: not changed after location
location: changed after action_started_at was first filled
  true, by location and action_started_at
  FINANCE
root_cause: changed after effectiveness_result last changed
  cannot tell, by root_cause and effectiveness_result
  FOUR AND FIVE
location: changed after effectiveness_result last changed
  cannot tell, by location and effectiveness_result
  FINANCE
owner: changed after effectiveness_result last changed
  cannot tell, by owner and effectiveness_result
  owner: not changed after effectiveness result
owner: changed after impact last changed
  cannot tell, by owner and impact
  owner: not changed after impact
extent_result: changed after location last changed
  cannot tell, by extent_result and location
  extent_result: became 'found' | 2026-03-09 09:00 | cleo | edit-6
extent_result: changed after location was first filled
  true, by extent_result and location
  extent_result: became 'found' | 2026-03-09 09:00 | cleo | edit-6
extent_result: changed at most 0 times after the record first became planned
  false, by extent_result
  extent_result: became 'found' | 2026-03-09 09:00 | cleo | edit-6
root_cause: changed at most 3 times after the record first became planned
  cannot tell, by root_cause
  THREE TO FIVE
root_cause: changed at most 2 times after the record first became planned
  false, by root_cause
  THREE TO FIVE
owner: changed at most 0 times after the record first became planned
  false, by owner
  owner: became 'TBD' (placeholder) | 2026-03-06 09:00 | bo | edit-3
owner: changed at most 0 times after the record first became verified
  cannot tell, by owner
  owner: holds only a placeholder, 'TBD' | 2026-03-06 09:00 | bo | edit-3
correction: changed at most 0 times after the record first became planned
  cannot tell, by correction
  correction: is an image or attachment alone | 2026-03-04 09:00 | bo | edit-1
rca_method: has been five_whys
  cannot tell, by rca_method
  rca_method: is empty
stage: became planned more than 3 days ago
  false until 2026-03-11 09:00, then true, by stage
stage: became analysed more than 3 days ago
  false for ever, by stage
grade: became major more than 3 days ago
  false until 2026-03-07 09:00, then true, by grade
grade: became minor more than 3 days ago
  false for ever, by grade
source_status: became open more than 3 days ago
  cannot tell for ever, by source_status
""",
        shared=FACTS,
    ),
    "a value cannot be read": Answers(
        BLIND,
        "2026-03-10",
        """
grade: has been minor
  cannot tell, by grade
  GRADES
description: emptied again
  cannot tell, by description
  DESCRIPTIONS
root_cause: changed after location was first filled
  true, by root_cause and location
  FOUR AND FIVE
actions: changed after root_cause was first filled
  true, by actions and root_cause
  ACTIONS
owner: changed after root_cause was first filled
  true, by owner and root_cause
  owner: became 'TBD' (placeholder) | 2026-03-06 09:00 | bo | edit-3
root_cause: changed after effectiveness_result last changed
  cannot tell, by root_cause and effectiveness_result
  FOUR AND FIVE
owner: changed after root_cause last changed
  cannot tell, by owner and root_cause
  owner: not changed after root cause
root_cause: changed at most 2 times after the record first became planned
  cannot tell, by root_cause
  THREE TO FIVE
grade: became major more than 3 days ago
  cannot tell for ever, by grade
""",
        shared=FACTS,
    ),
    "a field is not mapped": Answers(
        UNMAPPED,
        "2026-03-10",
        """
location: changed after effectiveness_result was first filled
  cannot tell, by location and effectiveness_result
  location: not changed after effectiveness result
actions: changed after root_cause was first filled
  cannot tell, by actions and root_cause
  actions: not changed after root cause
actions: changed after location was first filled
  cannot tell, by actions and location
  actions: not changed after location
location: changed after action_started_at was first filled
  cannot tell, by location and action_started_at
  location: not changed after action started
root_cause: changed after effectiveness_result last changed
  cannot tell, by root_cause and effectiveness_result
  root_cause: not changed after effectiveness result
""",
        shared=FACTS,
    ),
    "the history of some fields is not known": Answers(
        LIFE,
        "2026-03-10",
        """
grade: has been minor
  true, by grade
  GRADES
grade: has been observation
  cannot tell, by grade
  GRADES
description: emptied again
  true, by description
  DESCRIPTIONS
description: changed after location last changed
  cannot tell, by description and location
  description: not changed after location
source_status: became open more than 3 days ago
  cannot tell for ever, by source_status
root_cause: changed after location was first filled
  true, by root_cause and location
  FOUR AND FIVE
owner: changed after root_cause was first filled
  true, by owner and root_cause
  owner: became 'TBD' (placeholder) | 2026-03-06 09:00 | bo | edit-3
owner: changed after root_cause last changed
  cannot tell, by owner and root_cause
  owner: not changed after root cause
root_cause: changed after effectiveness_result last changed
  true, by root_cause and effectiveness_result
  FOUR AND FIVE
root_cause: changed at most 3 times after the record first became planned
  cannot tell, by root_cause
  THREE TO FIVE
root_cause: changed at most 2 times after the record first became planned
  false, by root_cause
  THREE TO FIVE
grade: became major more than 3 days ago
  false until 2026-03-07 09:00, then true, by grade
""",
        changes={
            "history_gaps": {
                "root_cause": "hidden",
                "description": "hidden",
                "grade": "hidden",
                "source_status": "hidden",
            }
        },
        shared=FACTS,
    ),
    "no entry is delivered": Answers(
        LIFE,
        "2026-03-10",
        """
grade: became major more than 3 days ago
  cannot tell for ever, by grade
""",
        changes={"timeline": ()},
        shared=FACTS,
    ),
    "the history of others is not known": Answers(
        LIFE,
        "2026-03-10",
        """
root_cause: changed after effectiveness_result was first filled
  true, by root_cause and effectiveness_result
  FOUR AND FIVE
root_cause: changed after effectiveness_result last changed
  cannot tell, by root_cause and effectiveness_result
  FOUR AND FIVE
owner: changed after effectiveness_result last changed
  cannot tell, by owner and effectiveness_result
  owner: not changed after effectiveness result
root_cause: changed at most 3 times after the record first became planned
  cannot tell, by root_cause
  THREE TO FIVE
root_cause: changed at most 2 times after the record first became planned
  false, by root_cause
  THREE TO FIVE
stage: became planned more than 3 days ago
  false until 2026-03-11 09:00, then true, by stage
""",
        changes={"history_gaps": {"stage": "hidden", "effectiveness_result": "hidden"}},
        shared=FACTS,
    ),
}


@each_answer(TABLES)
def test_what_a_phrase_answers_about_the_past(answers: Answers, line: str, expected: list[str]) -> None:
    """What the history shows is certain; what it may hide is not."""
    assert answer(line, answers.context) == expected
