"""What the page's workshop shows of a rule that is being edited: mistakes, completions, results of its tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from capa_sync.errors import Problem
from capa_sync.model.light import light


@light
class Completion:
    """One way to go on with a text.

    Attributes:
        start: the character from which it replaces the text, up to the cursor. text: what stands there then.
        means: its meaning, for the person who chooses.
    """

    start: int
    text: str
    means: str


@light
class TestedRule:
    """The results of the tests inside a rule.

    Attributes:
        passed, total: tests. problems: what failed, and what no test guards, with its line.
    """

    __test__ = False  # pytest must not collect it

    passed: int
    total: int
    problems: Sequence[Problem]


class TextOrigin(StrEnum):
    """Where the text of a rule comes from; NEW is a skeleton."""

    LIVE = "live"
    FILE = "file"
    DRAFT = "draft"
    NEW = "new"


@light
class WorkshopRule:
    """One rule of the list.

    Attributes:
        id: its id. file: its file, as people know it. is_live: the live set has it. differs: its file differs from
            what is live. drafts: numbers of the drafts that wait and change it.
    """

    id: str
    file: str
    is_live: bool
    differs: bool
    drafts: Sequence[int]


@light
class RuleText:
    """The text of one rule to edit.

    Attributes:
        id, file: as in `WorkshopRule`. text: what is edited. origin: where it comes from.
        draft: the number of the draft, 0 for none. live: the text that is live, "" for a rule that is not live.
        is_other_in_file: the file holds another text than the one that is live.
    """

    id: str
    file: str
    text: str
    origin: TextOrigin
    draft: int
    live: str
    is_other_in_file: bool


class DraftState(StrEnum):
    """What has become of a draft.

    WAITS: it can be made live. LIVE: all its texts are live. OUTDATED: the live text of a rule changed since.
    DISCARDED: somebody discarded it.
    """

    WAITS = "waits"
    LIVE = "live"
    OUTDATED = "outdated"
    DISCARDED = "discarded"


@light
class DraftSummary:
    """A draft, compared with what is live now.

    Attributes:
        number, saved_at, saved_by, discarded_at, discarded_by: as in `RuleDraft`. state: see `DraftState`.
        rules: ids that it changes or adds.
        changed_since: those that were changed in what is live since it was saved.
        difference: the lines of a difference from what is live.
        unwritten: those whose file holds another text; None where the page may not have files written.
        seen: a digest of these files as they are now, which `write_files` asks for. patch: the command that takes the
            difference. problems: the mistakes of its texts beside the other live rules.
    """

    number: int
    saved_at: datetime
    saved_by: str
    state: DraftState
    rules: Sequence[str]
    changed_since: Sequence[str]
    difference: Sequence[str]
    unwritten: Sequence[str] | None
    discarded_at: datetime | None = None
    discarded_by: str = ""
    seen: str = ""
    patch: str = ""
    problems: Sequence[Problem] = ()


@light
class WorkshopView:
    """What the list of the workshop shows.

    Attributes:
        rules: of the live set and of the files. drafts: the newest ones, the newest first.
        is_on_save: the saved files are live (`rules_live = "on_save"`), so no draft can be made live.
    """

    rules: Sequence[WorkshopRule]
    drafts: Sequence[DraftSummary]
    is_on_save: bool


@light
class RulePreview:
    """A preview of an edited rule on the mirrored tickets.

    Attributes:
        number: 1 for the first of this page. rule: the rule's id. text: what was previewed. asked_by: the visitor.
        started_at, ended_at: None while it runs. result: as `rules preview --json` prints it, None without one.
        problem: why there is no result, "" when there is none to tell.
    """

    number: int
    rule: str
    text: str
    asked_by: str
    started_at: datetime
    ended_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    problem: str = ""


@light
class ExplainedTicket:
    """A ticket explained.

    Attributes:
        headline: its name and title, or why it is not judged. notes: what is known of it besides, in words.
        verdicts: the lines of each verdict, the first of them the verdict itself.
    """

    headline: str
    notes: Sequence[str]
    verdicts: Sequence[Sequence[str]]
