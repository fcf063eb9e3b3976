"""The plots: how a ticket's life goes for each rule, once broken and once done right; the texts come from topics."""

from __future__ import annotations

from collections.abc import Callable

from capa_sync.sandbox.stories.pen import Pen
from capa_sync.sandbox.stories.script import Day

Plot = Callable[[Pen], None]


def what_when_where(pen: Pen) -> None:
    """Reported in three words; or with what, when and where."""
    if pen.is_broken:
        pen.report_vaguely(5)
    else:
        pen.report(5)
        pen.contain(4)


def correction_recorded(pen: Pen) -> None:
    """Nobody says for three weeks what was done at once; or it stands there the next day."""
    pen.report(15)
    if pen.is_broken:
        pen.say(13, pen.owner, pen.topic["chat"])
    else:
        pen.contain(14)


def root_cause_before_action(pen: Pen) -> None:
    """The action is planned and begun before anybody asked why; or the other way round."""
    pen.report(24)
    pen.contain(23)
    if pen.is_broken:
        pen.plan(20, due=-15)
        pen.analyse(15, moves=False)
    else:
        pen.analyse(20)
        pen.plan(17, due=-15)


def root_cause_substantive(pen: Pen) -> None:
    """The cause is two words long; or says what let it happen."""
    pen.report(22)
    pen.contain(21)
    pen.analyse(18, cause=pen.topic["weak_cause"] if pen.is_broken else "")
    pen.plan(16, due=-12)


def extent_assessed(pen: Pen) -> None:
    """Nobody looked elsewhere; or somebody did."""
    pen.report(26)
    pen.contain(25)
    pen.analyse(22, extent=not pen.is_broken)
    pen.plan(19, due=-10)


def action_planned(pen: Pen) -> None:
    """The plan has no date; or it has one."""
    pen.report(20)
    pen.contain(19)
    pen.analyse(15)
    pen.plan(12, due=None if pen.is_broken else -18)


def action_overdue(pen: Pen) -> None:
    """The day passes and the action is open; or it was done before."""
    pen.report(45)
    pen.contain(44)
    pen.analyse(40)
    pen.plan(37, due=6)
    if not pen.is_broken:
        pen.implement(8)


def due_date_moved(pen: Pen) -> None:
    """The date moves without a word; or with a reason."""
    pen.report(34)
    pen.contain(33)
    pen.analyse(30)
    pen.plan(27, due=6)
    pen.fill(9, pen.owner, due_at=Day(-14))
    if not pen.is_broken:
        pen.say(9, pen.owner, pen.topic["reason"])


def actions_done_with_evidence(pen: Pen) -> None:
    """Implemented, they say, and show nothing; or they do."""
    pen.report(48)
    pen.contain(47)
    pen.analyse(43)
    pen.plan(40, due=5)
    pen.implement(7, proven=not pen.is_broken)


def effectiveness_before_close(pen: Pen) -> None:
    """Closed as soon as the work is done; or once it was seen to work."""
    _until_implemented(pen)
    if not pen.is_broken:
        pen.verify(16)
    pen.close(14)


def edited_after_close(pen: Pen) -> None:
    """A closed record is rewritten; or reopened, mended and closed again."""
    _until_implemented(pen)
    pen.verify(16)
    pen.close(14)
    if pen.is_broken:
        pen.fill(6, pen.owner, root_cause=pen.topic["rewritten"])
    else:
        pen.reopen(6)
        pen.fill(5, pen.owner, root_cause=pen.topic["rewritten"])
        pen.verify(4)
        pen.close(3)


def independent_review(pen: Pen) -> None:
    """The owner confirms the own work; or a colleague does."""
    if pen.is_broken:
        pen.reviewer = pen.owner
    _until_implemented(pen)
    pen.verify(16)
    pen.close(14)


def _until_implemented(pen: Pen) -> None:
    pen.report(78)
    pen.contain(77)
    pen.analyse(73)
    pen.plan(70, due=48)
    pen.implement(50)


PLOTS: dict[str, Plot] = {
    "what-when-where": what_when_where,
    "correction-recorded": correction_recorded,
    "root-cause-before-action": root_cause_before_action,
    "root-cause-substantive": root_cause_substantive,
    "extent-assessed": extent_assessed,
    "action-planned": action_planned,
    "action-overdue": action_overdue,
    "due-date-moved": due_date_moved,
    "actions-done-with-evidence": actions_done_with_evidence,
    "effectiveness-before-close": effectiveness_before_close,
    "edited-after-close": edited_after_close,
    "independent-review": independent_review,
}
"""Rule -> plot."""
