"""Courses of tickets for the rules about the report, the cause and the plan; the broken story lacks one thing."""

from __future__ import annotations

from capa_sync.sandbox.stories.people import LEAD, LEAVER
from capa_sync.sandbox.stories.story_writer import StoryWriter


def requirement_named(writer: StoryWriter) -> None:
    """Broken: the requirement that was not met has no name."""
    writer.lack("requirement_ref")
    _contained(writer)


def source_classified(writer: StoryWriter) -> None:
    """Broken: an audit is named without its finding."""
    writer.lack("source_ref")
    _contained(writer)


def objective_evidence(writer: StoryWriter) -> None:
    """Broken: nothing shows what was observed."""
    writer.lack("objective_evidence")
    _analysed(writer)


def grade_set(writer: StoryWriter) -> None:
    """Broken: the effect is not described."""
    writer.lack("impact")
    _contained(writer)


def owner_active(writer: StoryWriter) -> None:
    """Broken: the owner has left the company. Clean: an active person owns the record."""
    if writer.is_broken:
        writer.instead["owner"] = LEAVER
    writer.report(8)
    if not writer.is_broken:
        writer.contain(7)


def consequences_handled(writer: StoryWriter) -> None:
    """Broken: nothing is said of effects."""
    writer.lack("consequences")
    _analysed(writer)


def action_need_decided(writer: StoryWriter) -> None:
    """Broken: no action is taken, and nobody says why. Clean: with reason and approval."""
    writer.instead["action_needed"] = "no"
    _analysed(writer)
    agreed = {} if writer.is_broken else {"no_action_reason": writer.topic["no_action"], "no_action_approver": LEAD}
    writer.end_without_action(10, **agreed)


def root_cause_not_symptom(writer: StoryWriter) -> None:
    """Broken: the cause says the finding again."""
    _analysed(writer, cause=writer.topic["weak_cause"] if writer.is_broken else "")


def root_cause_not_blame(writer: StoryWriter) -> None:
    """Broken: the cause ends with a person's mistake."""
    writer.instead |= {"rca_method": "other", "why_chain": None}
    _analysed(writer, cause=writer.topic["weak_cause"] if writer.is_broken else "")


def rca_method(writer: StoryWriter) -> None:
    """Broken: nobody says how the cause was found."""
    writer.lack("rca_method", "why_chain")
    _analysed(writer)


def rca_on_time(writer: StoryWriter) -> None:
    """Broken: no cause is found in the time for the grade. Clean: it was found."""
    writer.report(26)
    writer.contain(25)
    if not writer.is_broken:
        writer.analyse(20)


def action_not_just_correction(writer: StoryWriter) -> None:
    """Broken: the action only reminds people."""
    _analysed(writer)
    writer.plan(14, due=-15)


def action_addresses_cause(writer: StoryWriter) -> None:
    """Broken: the action names one of two numbered causes."""
    _analysed(writer)
    writer.plan(14, due=-15)


def rejected_with_reason(writer: StoryWriter) -> None:
    """Broken: rejected without a reason."""
    writer.lack("rejected_reason", "rejected_by")
    writer.report(10)
    writer.reject(8)


def improvement_followed_through(writer: StoryWriter) -> None:
    """Broken: nobody decides for months. Clean: accepted, with an owner and a date."""
    writer.propose(50)
    if not writer.is_broken:
        writer.accept(40, due=-30)


def _contained(writer: StoryWriter) -> None:
    writer.report(20)
    writer.contain(19)


def _analysed(writer: StoryWriter, cause: str = "") -> None:
    _contained(writer)
    writer.analyse(16, cause=cause)
