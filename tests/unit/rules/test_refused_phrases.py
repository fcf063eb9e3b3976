"""What a sentence that is no phrase, or does not apply to its field, is refused with: reason and correction."""

from __future__ import annotations

import pytest

from capa_sync.rules.phrases.phrase import PhraseError, field_hint
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.subjects import SUBJECTS

REFUSED = """
due_at: not more then 0 days ago
  cannot read 'due_at: not more then 0 days ago'
  did you mean 'not more than 0 days ago'?
due_at: at least 20 characters
  'at least N characters' cannot be said of due_at, which is a date
  OF A DATE
title: more than 3 days ago
  'more than N days ago' cannot be said of title, which is a text
  of a text you can say: filled; not filled; empty; placeholder; `capa-sync rules phrases` lists all
stage: at least plannd
  'plannd' is not a stage
  did you mean 'planned'?
stage: at least zzz
  'zzz' is not a stage
  STAGES
stage: at least rejected
  'rejected' is a side state and has no place in the order of stages
  write `is rejected`
grade: is magor
  'magor' is not a grade
  did you mean 'major'?
grade: is zzz
  'zzz' is not a grade
  write one of major, minor, observation, ofi
grade: is not zzz
  'zzz' is not a grade
  write one of major, minor, observation, ofi
grade: is one of major, zzz
  'zzz' is not a grade
  write one of major, minor, observation, ofi
grade: is not one of major, zzz
  'zzz' is not a grade
  write one of major, minor, observation, ofi
track: is zzz
  'zzz' is not a track
  write one of nonconformity, improvement, preventive, observation
extent_result: is zzz
  'zzz' is not a extent result
  write one of none_found, found, could_occur, not_checked
stage: has been zzz
  'zzz' is not a stage
  STAGES
grade: became zzz more than 3 days ago
  'zzz' is not a grade
  write one of major, minor, observation, ofi
stage: was one of zzz, planned before it first became closed
  'zzz' is not a stage
  STAGES
stage: was one of planned before it first became zzz
  'zzz' is not a stage
  STAGES
root_cause: filled before plan was first filled
  there is no field 'plan'
  did you mean 'replans'?
root_cause: filled before zzz was first filled
  there is no field 'zzz'
  `capa-sync rules phrases` lists the fields
root_cause: filled before stage was first filled
  'stage' is derived and has no history of its own
  say it of a field of the record
root_cause: filled before the record first became plannd
  'plannd' is not a stage
  did you mean 'planned'?
root_cause: filled before the record last became zzz
  'zzz' is not a stage
  STAGES
root_cause: filled before the record first became planned by someone other than title
  'title' is a text, this needs a person or several people
  such as raised_by, owner, isms_lead
closed_by: filled before action started
  'closed_by' is derived and has no history of its own
  say it of a field of the record
title: changed after stage last changed
  'stage' is derived and never changes by itself
  name a field of the record
title: changed after stage was first filled
  'stage' is derived and has no history of its own
  say it of a field of the record
root_cause: changed at most 2 times after the record first became zzz
  'zzz' is not a stage
  STAGES
closed_by: unchanged by a human since closing
  'closed_by' is derived and is never changed by a human
  say it of a field of the record
closed_by: each change since closing has a reason
  'closed_by' is derived and is never changed by a human
  say it of a field of the record
closed_at: moved later at most 2 times
  'closed_at' is derived and is never moved
  say it of 'due_at'
closed_at: never moved after it had passed
  'closed_at' is derived and is never moved
  say it of 'due_at'
closed_at: each later move has a reason
  'closed_at' is derived and is never moved
  say it of 'due_at'
identified_at: past the contian deadline
  there is no deadline 'contian'
  did you mean 'contain'?
identified_at: past the zzz deadline
  there is no deadline 'zzz'
  DEADLINES
detected_at: not before the zzz deadline of due_at
  there is no deadline 'zzz'
  DEADLINES
detected_at: not before the contain deadline of owner
  'owner' is a person, this needs a date
  such as occurred_at, detected_at, correction_at
detected_at: on or before title
  'title' is a text, this needs a date
  such as occurred_at, detected_at, correction_at
detected_at: within 3 days of owner
  'owner' is a person, this needs a date
  such as occurred_at, detected_at, correction_at
detected_at: at least 3 days after owner
  'owner' is a person, this needs a date
  such as occurred_at, detected_at, correction_at
owner: same person as title
  'title' is a text, this needs a person or several people
  such as raised_by, owner, isms_lead
owner: not the same person as title
  'title' is a text, this needs a person or several people
  such as raised_by, owner, isms_lead
owner: not the same person as any of raised_by, title
  'title' is a text, this needs a person or several people
  such as raised_by, owner, isms_lead
actions: each has text, ownr
  an action has no 'ownr'
  did you mean 'owner'?
actions: each has zzz
  an action has no 'zzz'
  write one of text, owner, due_at, evidence
actions: name each cause that owner numbers
  'owner' is a person, this needs a text
  such as title, description, location
title: shares less than 10 percent of its words with owner
  'owner' is a person, this needs a text or a list or the list of actions
  such as title, description, requirement_ref
actions: at least one is no reminder and shares less than 10 percent of its words with owner
  'owner' is a person, this needs a text
  such as title, description, location
source_status: is In Progress
  cannot read 'source_status: is In Progress'
  did you mean 'is "In Progress"'?
"""
"""A line of a rule file, and indented below it what is wrong and how to correct it."""
LISTS = {
    "STAGES": "write one of identified, contained, analysed, planned, implemented, verified, closed, rejected, "
    "cancelled, duplicate",
    "OF A DATE": "of a date you can say: filled; not filled; empty; filled before FIELD was first filled; "
    "`capa-sync rules phrases` lists all",
    "DEADLINES": "write one of contain, root-cause, plan, implement, effectiveness-earliest, effectiveness",
}
_LINES = [line.strip() for line in REFUSED.strip().splitlines()]


@pytest.mark.parametrize(("line", "what", "hint"), list(zip(_LINES[::3], _LINES[1::3], _LINES[2::3], strict=True)))
def test_what_cannot_be_read_is_refused_with_reason_and_correction(line: str, what: str, hint: str) -> None:
    """The message says what is wrong, and names what could have been meant, or all that there is."""
    name, _, sentence = line.partition(": ")
    with pytest.raises(PhraseError) as refused:
        vocabulary().find(SUBJECTS[name], sentence)
    assert (refused.value.what, refused.value.hint) == (what, LISTS.get(hint, hint))
    assert str(refused.value) == what


@pytest.mark.parametrize(
    ("name", "blocks", "hint"),
    [
        ("assignee", (), "did you mean 'owner'?"),
        ("root_couse", ("any", "all"), "did you mean 'root_cause'?"),
        ("either", ("any", "all", "none"), "did you mean 'any'?"),
        ("unless", ("any", "all", "none"), "did you mean 'none'?"),
        ("unless", (), "`capa-sync rules phrases` lists the fields"),
    ],
)
def test_a_name_that_is_no_field_gets_the_nearest_field_or_block(
    name: str, blocks: tuple[str, ...], hint: str
) -> None:
    """What other tools call a field counts as near; a block is suggested only where one may stand."""
    assert field_hint(name, blocks) == hint
