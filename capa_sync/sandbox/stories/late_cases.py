"""Courses of tickets for the rules about the work, the check of its effect and the end; the broken one lacks one."""

from __future__ import annotations

from capa_sync.sandbox.stories.script import Day
from capa_sync.sandbox.stories.story_writer import StoryWriter


def plan_approved(writer: StoryWriter) -> None:
    """Broken: the owner approves the own plan of a major nonconformity."""
    if writer.is_broken:
        writer.approver = writer.owner
    writer.report(30)
    writer.contain(29)
    writer.analyse(26)
    writer.plan(24, due=8)
    writer.implement(9)


def implement_on_time(writer: StoryWriter) -> None:
    """Broken: after a quarter the work goes on, and nobody approved that. Clean: it is done."""
    writer.approver = ""
    writer.report(68)
    writer.contain(67)
    writer.analyse(63)
    writer.plan(60, due=-5)
    if not writer.is_broken:
        writer.implement(12)


def communicated(writer: StoryWriter) -> None:
    """Broken: nobody was told about the change."""
    writer.lack("communicated_to", "communicated_at")
    until_implemented(writer)
    writer.verify(16)
    writer.close(14)


def effectiveness_planned(writer: StoryWriter) -> None:
    """Broken: nobody says how the effect will be seen."""
    writer.lack("effectiveness_criterion")
    until_implemented(writer)


def effectiveness_evidence(writer: StoryWriter) -> None:
    """Broken: the result says no more than that it is done."""
    until_implemented(writer)
    writer.verify(16)


def effectiveness_too_early(writer: StoryWriter) -> None:
    """Broken: the effect is checked in the week of the work. Clean: weeks later."""
    until_implemented(writer)
    writer.verify(46 if writer.is_broken else 16)


def effectiveness_overdue(writer: StoryWriter) -> None:
    """Broken: the day of the check passes. Clean: the check was made before."""
    writer.instead["effectiveness_due"] = Day(10)
    until_implemented(writer)
    if not writer.is_broken:
        writer.verify(12)


def ineffective_not_reopened(writer: StoryWriter) -> None:
    """Broken: the check shows no effect, and nothing follows. Clean: another action does."""
    writer.instead["effectiveness_result"] = "ineffective"
    until_implemented(writer)
    writer.verify(16)
    if not writer.is_broken:
        writer.fill(14, writer.owner, action_text=writer.topic["second_action"])


def isms_and_risk_update(writer: StoryWriter) -> None:
    """Broken: closed without a word about changes of the management system."""
    writer.lack("isms_change")
    until_implemented(writer)
    writer.verify(16)
    writer.close(14)


def until_implemented(writer: StoryWriter) -> None:
    """Report, contain, analyse, plan and implement, months ago."""
    writer.report(78)
    writer.contain(77)
    writer.analyse(73)
    writer.plan(70, due=48)
    writer.implement(50)
