"""What phrases about present values, texts and persons answer: truth, what they read, and why they cannot tell."""

from __future__ import annotations

from tests.unit.rules.answers import Answers, answer, each_answer

LIFE = """
case: values
accounts: {dan: inactive, eve: unknown}
unmapped: [location]
timeline:
  - day: 2026-03-02
    by: ana
    title: One two two three
    description: "See https://wiki.example.com/isms/4711 for all"
    root_cause: {placeholder: TBD}
    correction: {media: photo}
    consequences: {error: option 7 is not listed}
    impact: Root cause analysis will follow as soon as the logs are here
    why_chain: ["The operator forgot it", "He did not follow the procedure of the process"]
    effectiveness_note: Implemented and effective; all 25 leavers were sampled
    requirement_ref: [A.5.18, AC-03]
    training_ref: [Somebody forgot it, the process]
    risk_ref: [The process was new and somebody forgot it]
    grade: minor
    training_needed: no
    confidential: yes
    owner: ana
    raised_by: ana
    plan_approved_by: bo
    isms_lead: dan
    decision_by: eve
    effectiveness_reviewer: {unreadable: hidden}
    due_at: 2026-04-01
    actions: [{id: A1, text: Remind all staff, owner: bo}, {id: A2, text: "One, two and three", owner: ana}]
  - {day: 2026-03-03, by: ana, due_at: 2026-04-02, stage: planned}
"""
OTHER = LIFE.replace("owner: bo}", "owner: {error: gone}}").replace("title: One two two three", "title: one")
OPAQUE = LIFE.replace("[location]", "[location]\nunreadable: [actions]\nhistory: incomplete")
BLIND = LIFE.replace("[location]", "[location, actions]\nunreadable: [due_at]")

TABLES = {
    "values": Answers(
        LIFE,
        "2026-03-05",
        """
root_cause: filled
  false, by root_cause (present)
title: filled
  true, by title (present)
location: filled
  cannot tell, by location (present)
root_cause: not filled
  true, by root_cause (present)
title: not filled
  false, by title (present)
closure_note: empty
  true, by closure_note (present)
root_cause: empty
  false, by root_cause (present)
grade: is minor
  true, by grade (present)
grade: is not minor
  false, by grade (present)
grade: is not major
  true, by grade (present)
grade: is one of major, minor
  true, by grade (present)
grade: is one of major, observation
  false, by grade (present)
grade: is not one of major, minor
  false, by grade (present)
grade: is not one of major, observation
  true, by grade (present)
extent_result: is not found
  false, by extent_result (present)
source_status: is "open"
  true, by source_status (present)
source_status: is not OPEN
  false, by source_status (present)
profile: is standard
  true, by profile (present)
presence: is present
  true, by presence (present)
training_needed: is no
  true, by training_needed (present)
training_needed: is yes
  false, by training_needed (present)
confidential: is yes
  true, by confidential (present)
confidential: is no
  false, by confidential (present)
action_needed: is yes
  true, by action_needed (present)
stage: at least planned
  true, by stage (present)
stage: at least analysed
  true, by stage (present)
stage: at least implemented
  false, by stage (present)
requirement_ref: at least 2
  true, by requirement_ref
requirement_ref: at least 3
  false, by requirement_ref
requirement_ref: at most 2
  true, by requirement_ref
requirement_ref: at most 1
  false, by requirement_ref
replans: at least 1
  true, by replans
replans: at least 2
  false, by replans
replans: at most 1
  true, by replans
replans: at most 0
  false, by replans
source_ref: at most 0
  true, by source_ref
location: contains x
  cannot tell, by location (present)
location: empty
  cannot tell, by location (present)
consequences: filled
  cannot tell, by consequences (present)
extent_result: is not one of found, none_found
  false, by extent_result (present)
root_cause: placeholder
  true, by root_cause (present)
title: placeholder
  false, by title (present)
correction: substantive
  false, by correction (present)
title: substantive
  true, by title (present)
root_cause: substantive
  false, by root_cause (present)
title: substantive with at least 17 characters
  true, by title (present)
title: substantive with at least 18 characters
  false, by title (present)
description: substantive with at least 11 characters
  true, by description (present)
description: substantive with at least 12 characters
  false, by description (present)
correction: substantive with at least 1 characters
  false, by correction (present)
root_cause: substantive with at least 1 characters
  false, by root_cause (present)
title: substantive with at least 3 distinct words
  true, by title (present)
title: substantive with at least 4 distinct words
  false, by title (present)
title: substantive with at least 17 characters and 3 distinct words
  true, by title (present)
title: substantive with at least 18 characters and 3 distinct words
  false, by title (present)
title: substantive with at least 17 characters and 4 distinct words
  false, by title (present)
title: at least 17 characters
  true, by title (present)
title: at least 18 characters
  false, by title (present)
closure_note: at least 0 characters
  false, by closure_note (present)
title: contains TWO
  true, by title (present)
title: contains four
  false, by title (present)
closure_note: contains one
  false, by closure_note (present)
requirement_ref: contains "5.18"
  true, by requirement_ref (present)
requirement_ref: does not contain "5.18"
  false, by requirement_ref (present)
title: does not contain four
  true, by title (present)
closure_note: does not contain four
  false, by closure_note (present)
title: starts with ONE
  true, by title (present)
title: starts with two
  false, by title (present)
closure_note: starts with one
  false, by closure_note (present)
title: does not start with two
  true, by title (present)
title: does not start with ONE
  false, by title (present)
closure_note: does not start with two
  false, by closure_note (present)
impact: announces a later answer
  true, by impact (present)
title: announces a later answer
  false, by title (present)
root_cause: announces a later answer
  false, by root_cause (present)
why_chain: names the failing of a person
  true, by why_chain (present)
impact: names the failing of a person
  false, by impact (present)
why_chain: names a part of the system
  false, by why_chain (present)
title: names a part of the system
  false, by title (present)
training_ref: names a part of the system
  true, by training_ref (present)
risk_ref: names a part of the system
  true, by risk_ref (present)
impact: shares less than 100 percent of its words with impact, actions
  false, by impact and impact and actions
effectiveness_note: says at least 3 words more than that it is done
  true, by effectiveness_note (present)
effectiveness_note: says at least 4 words more than that it is done
  false, by effectiveness_note (present)
title: shares less than 100 percent of its words with description, actions
  false, by title and description and actions
title: shares less than 101 percent of its words with description, actions
  true, by title and description and actions
title: shares less than 10 percent of its words with why_chain, impact
  true, by title and why_chain and impact
closure_note: shares less than 10 percent of its words with location
  true, by closure_note and location
title: shares less than 10 percent of its words with location
  cannot tell, by title and location
  because of what it reads
consequences: names the failing of a person
  cannot tell, by consequences (present)
  because of what it reads
location: names a part of the system
  cannot tell, by location (present)
  because of what it reads
consequences: says at least 1 words more than that it is done
  cannot tell, by consequences (present)
  because of what it reads
actions: at least one is no reminder and shares less than 60 percent of its words with title
  false, by actions and title
  actions: A1: without a due date, owner bo, open | A1
  actions: A2: without a due date, owner ana, open | A2
actions: at least one is no reminder and shares less than 60 percent of its words with impact
  true, by actions and impact
  actions: A1: without a due date, owner bo, open | A1
  actions: A2: without a due date, owner ana, open | A2
actions: at least one is no reminder and shares less than 60 percent of its words with location
  cannot tell, by actions and location
  actions: A1: without a due date, owner bo, open | A1
  actions: A2: without a due date, owner ana, open | A2
  because of what it reads
""",
    ),
    "not known": Answers(
        OPAQUE,
        "2026-03-05",
        """
replans: at least 1
  true, by replans
replans: at least 2
  cannot tell, by replans
replans: at most 1
  cannot tell, by replans
replans: at most 0
  false, by replans
title: shares less than 100 percent of its words with description, actions
  false, by title and description and actions
title: shares less than 101 percent of its words with description, actions
  cannot tell, by title and description and actions
  because of what it reads
location: announces a later answer
  cannot tell, by location (present)
  because of what it reads
location: shares less than 10 percent of its words with title
  cannot tell, by location and title
  because of what it reads
location: says at least 0 words more than that it is done
  cannot tell, by location (present)
  because of what it reads
actions: at least 2
  true, by actions
actions: at least 3
  cannot tell, by actions
""",
    ),
    "not read": Answers(
        BLIND,
        "2026-03-05",
        """
replans: at least 1
  cannot tell, by replans
replans: at most 1
  cannot tell, by replans
actions: at least 0
  true, by actions
actions: at most 0
  cannot tell, by actions
""",
    ),
    "in German": Answers(
        LIFE,
        "2026-03-05",
        """
impact: announces a later answer
  cannot tell, by impact (present)
  because the mapping says that texts are in German (`language`), and this check reads English alone
why_chain: names the failing of a person
  cannot tell, by why_chain (present)
  because the mapping says that texts are in German (`language`), and this check reads English alone
why_chain: names a part of the system
  cannot tell, by why_chain (present)
  because the mapping says that texts are in German (`language`), and this check reads English alone
effectiveness_note: says at least 3 words more than that it is done
  cannot tell, by effectiveness_note (present)
  because the mapping says that texts are in German (`language`), and this check reads English alone
title: shares less than 10 percent of its words with description, actions
  cannot tell, by title and description and actions
  because the mapping says that texts are in German (`language`), and this check reads English alone
closure_note: shares less than 10 percent of its words with description
  cannot tell, by closure_note and description
  because the mapping says that texts are in German (`language`), and this check reads English alone
closure_note: announces a later answer
  false, by closure_note (present)
actions: at least one is no reminder and shares less than 60 percent of its words with title
  cannot tell, by actions and title
  actions: A1: without a due date, owner bo, open | A1
  actions: A2: without a due date, owner ana, open | A2
  because the mapping says that texts are in German (`language`), and this check reads English alone
""",
        changes={"language": "de"},
    ),
    "known": Answers(
        LIFE,
        "2026-03-05",
        """
owner: an active person
  true, by owner
isms_lead: an active person
  false, by isms_lead
decision_by: an active person
  cannot tell, by decision_by
  because the tracker has not shown yet whether the account of this person is active
rejected_by: an active person
  false, by rejected_by
effectiveness_reviewer: an active person
  cannot tell, by effectiveness_reviewer
  because of what it reads
owner: same person as raised_by
  true, by owner and raised_by
owner: same person as plan_approved_by
  false, by owner and plan_approved_by
owner: same person as rejected_by
  false, by owner and rejected_by
rejected_by: same person as owner
  false, by rejected_by and owner
owner: same person as effectiveness_reviewer
  cannot tell, by owner and effectiveness_reviewer
effectiveness_reviewer: same person as owner
  cannot tell, by effectiveness_reviewer and owner
owner: same person as action_owners
  true, by owner and action_owners
isms_lead: same person as action_owners
  false, by isms_lead and action_owners
owner: not the same person as raised_by
  false, by owner and raised_by
owner: not the same person as plan_approved_by
  true, by owner and plan_approved_by
owner: not the same person as rejected_by
  cannot tell, by owner and rejected_by
rejected_by: not the same person as owner
  false, by rejected_by and owner
owner: not the same person as effectiveness_reviewer
  cannot tell, by owner and effectiveness_reviewer
effectiveness_reviewer: not the same person as owner
  cannot tell, by effectiveness_reviewer and owner
owner: not the same person as any of plan_approved_by, rejected_by
  true, by owner and plan_approved_by and rejected_by
owner: not the same person as any of plan_approved_by, action_owners
  false, by owner and plan_approved_by and action_owners
isms_lead: not the same person as any of owner, action_owners
  true, by isms_lead and owner and action_owners
isms_lead: not the same person as any of owner, effectiveness_reviewer
  cannot tell, by isms_lead and owner and effectiveness_reviewer
isms_lead: not the same person as any of rejected_by
  cannot tell, by isms_lead and rejected_by
""",
    ),
    "an owner of an action cannot be read": Answers(
        OTHER,
        "2026-03-05",
        """
isms_lead: same person as action_owners
  cannot tell, by isms_lead and action_owners
owner: same person as action_owners
  true, by owner and action_owners
isms_lead: not the same person as any of owner, action_owners
  cannot tell, by isms_lead and owner and action_owners
owner: not the same person as any of plan_approved_by, action_owners
  false, by owner and plan_approved_by and action_owners
""",
    ),
    "actions cannot be read": Answers(
        OPAQUE,
        "2026-03-05",
        """
isms_lead: same person as action_owners
  cannot tell, by isms_lead and action_owners
owner: same person as action_owners
  true, by owner and action_owners
isms_lead: not the same person as any of owner, action_owners
  cannot tell, by isms_lead and owner and action_owners
owner: not the same person as any of plan_approved_by, action_owners
  false, by owner and plan_approved_by and action_owners
""",
    ),
    "actions are not mapped": Answers(
        BLIND,
        "2026-03-05",
        """
isms_lead: same person as action_owners
  cannot tell, by isms_lead and action_owners
owner: same person as action_owners
  cannot tell, by owner and action_owners
isms_lead: not the same person as any of owner, action_owners
  cannot tell, by isms_lead and owner and action_owners
owner: not the same person as any of plan_approved_by, action_owners
  cannot tell, by owner and plan_approved_by and action_owners
""",
    ),
}


@each_answer(TABLES)
def test_what_a_phrase_answers_about_values(answers: Answers, line: str, expected: list[str]) -> None:
    """An empty field meets no comparison; a value that is not known leaves the truth open."""
    assert answer(line, answers.context) == expected
