"""Writes one story: each method adds one phase of a nonconformity's life, with the texts of its topic."""

from __future__ import annotations

from dataclasses import replace

from capa_sync.sandbox.stories.people import AUDITOR, LEAD
from capa_sync.sandbox.stories.script import (
    AddAction,
    ChangeStage,
    Create,
    Day,
    Fields,
    Fill,
    FinishAction,
    Say,
    Scene,
    Story,
    StoryEvent,
)
from capa_sync.sandbox.stories.topics import Topic

_OFFICE_MINUTES = 420
_SPACING = 12


class StoryWriter:
    """Writes the story of one topic.

    Args:
        topic: the texts of the story.
        number: the number of the story; it spreads the stories over the day.

    Attributes:
        reviewer: the person who confirms that the action was effective.
        approver: the person who approves the plan; "" for nobody.
        instead: field -> the value that this story writes in place of the usual one; None leaves the field out.
    """

    def __init__(self, topic: Topic, number: int) -> None:
        self.topic = topic
        self.story = Story(f"{topic.source}/{topic.rule}/{topic.twin}", topic.source)
        self.owner = topic["owner"]
        self.reporter = topic["reporter"]
        self.reviewer = topic.get("reviewer", AUDITOR)
        self.approver = LEAD
        self.instead: dict[str, str | Day | None] = {}
        self.place = topic.get("action_in", "field")
        self._first_minute = (number * 37) % (_OFFICE_MINUTES - 60)
        self._last = (0, 0)

    @property
    def is_broken(self) -> bool:
        """Whether the story breaks the rule."""
        return self.topic.twin == "broken"

    def lack(self, *names: str) -> None:
        """Leave fields out of the broken story."""
        if self.is_broken:
            self.instead |= dict.fromkeys(names)

    def report_vaguely(self, ago: int) -> None:
        """Create the ticket with a few words only: what happened, when and where stays open."""
        text = self.topic
        fields: Fields = {
            "title": text["title"],
            "description": text["vague"],
            "source": text["source"],
            "source_ref": text["ref"],
            "owner": self.owner,
        }
        self._add(ago, self.reporter, Create(fields))

    def report(self, ago: int) -> None:
        """Create the ticket with what, when and where."""
        text = self.topic
        fields: dict[str, str | Day] = {
            "title": text["title"],
            "description": text["what"],
            "location": text["place"],
            "requirement_ref": text["requirement"],
            "source": text["source"],
            "source_ref": text["ref"],
            "detected_at": Day(ago),
            "objective_evidence": text["seen"],
            "owner": self.owner,
            "isms_lead": LEAD,
            "grade": text.get("grade", "minor"),
            "confidential": text.get("confidential", "no"),
        }
        self._add(ago, self.reporter, Create(fields))

    def contain(self, ago: int) -> None:
        """Record the correction and the consequences."""
        fields: Fields = {
            "impact": self.topic["impact"],
            "correction": self.topic["correction"],
            "correction_at": Day(ago),
            "consequences": self.topic["consequences"],
        }
        self._add(ago, self.owner, ChangeStage("contained", fields))

    def analyse(self, ago: int, *, cause: str = "", extent: bool = True, moves: bool = True) -> None:
        """Record the root cause, and whether the problem exists elsewhere."""
        text, found = self.topic, cause or self.topic["cause"]
        fields: dict[str, str | Day] = {
            **self._working(found),
            "root_cause": found,
            "cause_category": text["category"],
            "action_needed": "yes",
        }
        if extent:
            fields |= {"extent_result": text.get("extent_result", "none_found"), "extent_note": text["extent"]}
        self._add(ago, self.owner, ChangeStage("analysed", fields) if moves else Fill(fields))

    def _working(self, cause: str) -> Fields:
        """Return the method and what it left on the record: the steps of Five Whys, the branches of a fishbone."""
        method = self.topic.get("method", "five_whys")
        if method == "five_whys":
            steps = (self.topic["title"], "Nothing on the way showed it to anybody.", cause)
            return {"rca_method": method, "why_chain": "\n".join(steps)}
        branches = {"cause_categories": "Process, Supplier, People"} if method == "fishbone" else {}
        return {"rca_method": method, **branches}

    def plan(self, ago: int, due: int | None) -> None:
        """Plan the corrective action, and when and by which criterion its effect is reviewed."""
        day = None if due is None else Day(due)
        own = {"due_at": day} if day is not None and self.place != "field" else {}
        owner = "" if self.place == "field" else self.owner
        self._add(ago, self.owner, AddAction(self.topic["action"], day, self.place, owner))
        fields: Fields = {
            "effectiveness_criterion": self.topic["criterion"],
            "effectiveness_reviewer": self.reviewer,
            "effectiveness_due": Day((0 if due is None else due) - 50),
            **({"plan_approved_by": self.approver, "plan_approved_at": Day(ago)} if self.approver else {}),
            **own,
        }
        self._add(ago, LEAD, ChangeStage("planned", fields))

    def implement(self, ago: int, *, proven: bool = True) -> None:
        """Finish the action and record who was informed."""
        evidence = self.topic["evidence"] if proven else ""
        self._add(ago, self.owner, FinishAction(evidence))
        informed: Fields = {"communicated_to": self.topic["informed"], "communicated_at": Day(ago)}
        self._add(ago, self.owner, ChangeStage("implemented", informed))

    def verify(self, ago: int) -> None:
        """Record the review of the effect."""
        fields: Fields = {
            "effectiveness_result": "effective",
            "effectiveness_note": self.topic["outcome"],
            "effectiveness_at": Day(ago),
        }
        self._add(ago, self.reviewer, ChangeStage("verified", fields))

    def close(self, ago: int) -> None:
        """Let the ISMS lead close the record."""
        text = self.topic
        fields: dict[str, str | Day] = {
            "isms_change": text["changed"],
            "risk_update": text.get("risk", "no_change_because"),
            "closure_note": text["closing"],
        }
        review = text.get("management_review")
        if review:
            fields["management_review_ref"] = review
        self._add(ago, LEAD, ChangeStage("closed", fields))

    def reopen(self, ago: int) -> None:
        """Let the ISMS lead reopen the record and comment the reason."""
        self._add(ago, LEAD, ChangeStage("implemented"))
        self._add(ago, LEAD, Say(self.topic["reopening"]))

    def fill(self, ago: int, by: str, **fields: str | Day) -> None:
        """Let a person change fields."""
        self._add(ago, by, Fill(fields))

    def say(self, ago: int, by: str, text: str) -> None:
        """Let a person comment."""
        self._add(ago, by, Say(text))

    def reject(self, ago: int) -> None:
        """Let the ISMS lead reject the record."""
        fields: Fields = {"rejected_reason": self.topic["rejection"], "rejected_by": LEAD}
        self._add(ago, LEAD, ChangeStage("rejected", fields))

    def propose(self, ago: int) -> None:
        """Create an improvement."""
        fields: Fields = {
            "title": self.topic["title"],
            "description": self.topic["what"],
            "source": "employee_feedback",
        }
        self._add(ago, self.reporter, Create(fields, kind="improvement"))

    def accept(self, ago: int, due: int) -> None:
        """Let the ISMS lead accept an improvement."""
        fields: Fields = {
            "decision": "accepted",
            "decision_by": LEAD,
            "benefit": self.topic["benefit"],
            "owner": self.owner,
            "due_at": Day(due),
        }
        self._add(ago, LEAD, Fill(fields))

    def end_without_action(self, ago: int, **fields: str | Day) -> None:
        """Close a record for which no corrective action is taken."""
        self._add(ago, LEAD, ChangeStage("closed", {"isms_change": "none_because", **fields}))

    def _written(self, fields: Fields) -> Fields:
        changed = {name: self.instead.get(name, value) for name, value in fields.items()}
        return {name: value for name, value in changed.items() if value is not None}

    def _add(self, ago: int, by: str, event: StoryEvent) -> None:
        step = self._last[1] + _SPACING if self._last[0] == ago else 0
        self._last = (ago, step)
        if isinstance(event, Create | Fill | ChangeStage):
            event = replace(event, fields=self._written(event.fields))
        self.story.scenes.append(Scene(self.story.name, ago, self._first_minute + step, by, event))
