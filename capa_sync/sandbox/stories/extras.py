"""Stories about no rule: one case in two trackers, an improvement, a rejection, and an unlisted status."""

from __future__ import annotations

from capa_sync.sandbox.stories.people import LEAD
from capa_sync.sandbox.stories.script import (
    AddAction,
    ChangeStage,
    Create,
    Day,
    Fields,
    Fill,
    Name,
    Say,
    Scene,
    Story,
    StoryEvent,
)


def extra_stories() -> list[Story]:
    """Return the extra stories; in the joined one, the ServiceNow half begins before Jira names its number."""
    return [_joined_in_jira(), _joined_in_servicenow(), _improvement(), _rejected(), _under_discussion()]


def _story(source: str, name: str, *scenes: tuple[int, int, str, StoryEvent]) -> Story:
    full = f"{source}/{name}"
    return Story(full, source, [Scene(full, ago, minute, by, event) for ago, minute, by, event in scenes])


def _joined_in_jira() -> Story:
    """The ISMS team's half: event, cause and extent; the actions are carried out in ServiceNow."""
    what = (
        "During the fire drill the emergency plan on the wall of the second floor named a person who left a year "
        "ago; the list of contacts in the crisis handbook had the same mistake."
    )
    report: Fields = {
        "title": "Emergency contacts on the second floor are out of date",
        "description": what,
        "location": "London office, second floor",
        "requirement_ref": "A.5.24, BC-01 section 2",
        "source": "employee_feedback",
        "detected_at": Day(30),
        "owner": "chloe.martin",
        "grade": "minor",
    }
    contain: Fields = {
        "correction": "The plan on the wall and the list in the handbook were corrected on the day of the drill.",
        "impact": "Availability: in a real fire the wrong person would have been called first.",
        "consequences": "None: it was a drill, and the person in charge was reached by mobile phone.",
    }
    cause: Fields = {
        "rca_method": "five_whys",
        "why_chain": "The plan named a leaver.\nNobody was asked to change it.\nHR does not know the roles.",
        "root_cause": "The leaver check list of HR has no line for emergency roles, so nobody passes them on.",
        "cause_category": "process",
        "extent_result": "none_found",
        "extent_note": "The plans of all five floors and the crisis handbook were compared with the staff list.",
        "objective_evidence": "Photo of the plan, drill protocol.",
    }
    return _story(
        "jira",
        "joined",
        (30, 20, "ingrid.holm", Create(report)),
        (29, 45, "chloe.martin", ChangeStage("contained", contain)),
        (28, 90, "chloe.martin", Name("servicenow_number", "servicenow/joined")),
        (26, 130, "chloe.martin", ChangeStage("analysed", cause)),
        (23, 200, LEAD, ChangeStage("planned", {"plan_approved_by": LEAD, "plan_approved_at": Day(23)})),
    )


def _joined_in_servicenow() -> Story:
    """The facility team's half of the same nonconformity: its tasks."""
    title = "Emergency contacts: remediation for the ISMS team"
    about = "Work for the nonconformity that the ISMS team keeps in Jira: new leaver check list, new wall plans."
    return _story(
        "servicenow",
        "joined",
        (29, 60, "priya.nair", Create({"title": title, "description": about, "owner": "priya.nair"})),
        (
            25,
            30,
            "priya.nair",
            AddAction("Add emergency roles to the leaver check list", Day(-10), "child", "chloe.martin"),
        ),
        (
            25,
            50,
            "priya.nair",
            AddAction("Print the wall plans from the staff list", Day(-15), "child", "priya.nair"),
        ),
        (24, 80, "priya.nair", Fill({"due_at": Day(-15)})),
        (22, 60, "priya.nair", ChangeStage("planned")),
    )


def _improvement() -> Story:
    """An idea that is accepted and implemented; an improvement needs no cause and no correction."""
    idea: Fields = {
        "title": "Show the phishing report button to new staff on day one",
        "description": "New staff ask where to report odd mails; a five minute demonstration would answer it.",
        "source": "employee_feedback",
        "owner": "chloe.martin",
    }
    decision: Fields = {
        "decision": "accepted",
        "decision_by": LEAD,
        "benefit": "Odd mails are reported from week one.",
        "due_at": Day(10),
    }
    done: Fields = {"outcome": "Part of the first day since last month; four reports came from new staff already."}
    return _story(
        "jira-dc",
        "improvement",
        (38, 100, "ben.okafor", Create(idea, kind="improvement")),
        (33, 60, LEAD, Fill(decision)),
        (12, 240, "chloe.martin", ChangeStage("implemented", done)),
        (11, 30, LEAD, ChangeStage("closed")),
    )


def _rejected() -> Story:
    """A report that turns out to be no nonconformity and is rejected with the reason."""
    report: Fields = {
        "title": "Fire door in the basement stood open",
        "description": "The fire door between the garage and the server room stood open all afternoon.",
        "location": "London office, basement",
        "source": "employee_feedback",
        "detected_at": Day(17),
        "owner": "priya.nair",
    }
    reason: Fields = {
        "rejected_reason": "The door was held open, with a guard, during the agreed test of the fire alarm.",
        "rejected_by": LEAD,
    }
    return _story(
        "servicenow",
        "rejected",
        (17, 300, "anna.lee", Create(report)),
        (16, 40, "priya.nair", Say("That was the alarm test. I ask Mara to set this aside.")),
        (15, 70, LEAD, ChangeStage("rejected", reason)),
    )


def _under_discussion() -> Story:
    """A ticket in a status that the shipped mapping does not list."""
    report: Fields = {
        "title": "Is a private phone for two-factor sign-in allowed?",
        "description": "Two colleagues use private phones for the second factor; the policy is silent on that.",
        "location": "London office",
        "source": "employee_feedback",
        "detected_at": Day(8),
        "owner": "anna.lee",
    }
    return _story(
        "jira",
        "quarantined",
        (8, 150, "priya.nair", Create(report)),
        (7, 90, LEAD, ChangeStage("under discussion")),
        (7, 95, LEAD, Say("We take this to the next security meeting before we call it anything.")),
    )
