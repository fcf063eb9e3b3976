"""The course of a ticket for each rule, in a story that breaks the rule and in a clean one; topics hold the texts."""

from __future__ import annotations

from collections.abc import Callable

from capa_sync.sandbox.stories import early_cases, late_cases
from capa_sync.sandbox.stories.late_cases import until_implemented
from capa_sync.sandbox.stories.script import Day
from capa_sync.sandbox.stories.story_writer import StoryWriter

RuleCase = Callable[[StoryWriter], None]


def what_when_where(writer: StoryWriter) -> None:
    """Broken: the report has three words. Clean: it says what, when and where."""
    if writer.is_broken:
        writer.report_vaguely(5)
    else:
        writer.report(5)
        writer.contain(4)


def correction_recorded(writer: StoryWriter) -> None:
    """Broken: no correction is recorded for three weeks. Clean: it is recorded the next day."""
    writer.report(15)
    if writer.is_broken:
        writer.say(13, writer.owner, writer.topic["chat"])
    else:
        writer.contain(14)


def root_cause_before_action(writer: StoryWriter) -> None:
    """Broken: the action is planned before the cause is analysed. Clean: the cause comes first."""
    writer.report(24)
    writer.contain(23)
    if writer.is_broken:
        writer.plan(20, due=-15)
        writer.analyse(15, moves=False)
    else:
        writer.analyse(20)
        writer.plan(17, due=-15)


def root_cause_substantive(writer: StoryWriter) -> None:
    """Broken: the cause has two words. Clean: it says what made the event possible."""
    writer.report(22)
    writer.contain(21)
    writer.analyse(18, cause=writer.topic["weak_cause"] if writer.is_broken else "")
    writer.plan(16, due=-12)


def extent_assessed(writer: StoryWriter) -> None:
    """Broken: the extent is not assessed. Clean: it is."""
    writer.report(26)
    writer.contain(25)
    writer.analyse(22, extent=not writer.is_broken)
    writer.plan(19, due=-10)


def action_planned(writer: StoryWriter) -> None:
    """Broken: the plan has no due date. Clean: it has one."""
    writer.report(20)
    writer.contain(19)
    writer.analyse(15)
    writer.plan(12, due=None if writer.is_broken else -18)


def action_overdue(writer: StoryWriter) -> None:
    """Broken: the action is still open after its due date. Clean: it was done before."""
    writer.report(45)
    writer.contain(44)
    writer.analyse(40)
    writer.plan(37, due=6)
    if not writer.is_broken:
        writer.implement(8)


def due_date_moved(writer: StoryWriter) -> None:
    """Broken: the due date moves without a reason. Clean: a comment gives the reason."""
    writer.report(34)
    writer.contain(33)
    writer.analyse(30)
    writer.plan(27, due=6)
    writer.fill(9, writer.owner, due_at=Day(-14))
    if not writer.is_broken:
        writer.say(9, writer.owner, writer.topic["reason"])


def actions_done_with_evidence(writer: StoryWriter) -> None:
    """Broken: the action is called implemented without evidence. Clean: evidence is given."""
    writer.report(48)
    writer.contain(47)
    writer.analyse(43)
    writer.plan(40, due=5)
    writer.implement(7, proven=not writer.is_broken)


def effectiveness_before_close(writer: StoryWriter) -> None:
    """Broken: closed as soon as the work is done. Clean: closed after the effect was verified."""
    until_implemented(writer)
    if not writer.is_broken:
        writer.verify(16)
    writer.close(14)


def edited_after_close(writer: StoryWriter) -> None:
    """Broken: a closed record is edited. Clean: it is reopened, edited and closed again."""
    until_implemented(writer)
    writer.verify(16)
    writer.close(14)
    if writer.is_broken:
        writer.fill(6, writer.owner, root_cause=writer.topic["rewritten"])
    else:
        writer.reopen(6)
        writer.fill(5, writer.owner, root_cause=writer.topic["rewritten"])
        writer.verify(4)
        writer.close(3)


def independent_review(writer: StoryWriter) -> None:
    """Broken: the owner confirms their own work. Clean: a colleague does."""
    if writer.is_broken:
        writer.reviewer = writer.owner
    until_implemented(writer)
    writer.verify(16)
    writer.close(14)


RULE_CASES: dict[str, RuleCase] = {
    "what-when-where": what_when_where,
    "requirement-named": early_cases.requirement_named,
    "source-classified": early_cases.source_classified,
    "objective-evidence": early_cases.objective_evidence,
    "grade-set": early_cases.grade_set,
    "owner-active": early_cases.owner_active,
    "correction-recorded": correction_recorded,
    "consequences-handled": early_cases.consequences_handled,
    "action-need-decided": early_cases.action_need_decided,
    "root-cause-before-action": root_cause_before_action,
    "root-cause-substantive": root_cause_substantive,
    "root-cause-not-symptom": early_cases.root_cause_not_symptom,
    "root-cause-not-blame": early_cases.root_cause_not_blame,
    "rca-method": early_cases.rca_method,
    "rca-on-time": early_cases.rca_on_time,
    "extent-assessed": extent_assessed,
    "action-planned": action_planned,
    "action-not-just-correction": early_cases.action_not_just_correction,
    "action-addresses-cause": early_cases.action_addresses_cause,
    "plan-approved": late_cases.plan_approved,
    "action-overdue": action_overdue,
    "due-date-moved": due_date_moved,
    "implement-on-time": late_cases.implement_on_time,
    "actions-done-with-evidence": actions_done_with_evidence,
    "communicated": late_cases.communicated,
    "effectiveness-planned": late_cases.effectiveness_planned,
    "effectiveness-before-close": effectiveness_before_close,
    "effectiveness-evidence": late_cases.effectiveness_evidence,
    "effectiveness-too-early": late_cases.effectiveness_too_early,
    "effectiveness-overdue": late_cases.effectiveness_overdue,
    "ineffective-not-reopened": late_cases.ineffective_not_reopened,
    "isms-and-risk-update": late_cases.isms_and_risk_update,
    "edited-after-close": edited_after_close,
    "rejected-with-reason": early_cases.rejected_with_reason,
    "independent-review": independent_review,
    "improvement-followed-through": early_cases.improvement_followed_through,
}
"""Rule -> function that writes its story."""
