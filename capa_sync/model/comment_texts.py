"""What our text on a ticket is made of, apart from rules and values: its sentences in one language.

Names in braces are replaced by cleaned texts. No sentence contains "compliant" or "conforms": a rule finds missing
evidence, an auditor judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from capa_sync.model.light import light

MONTHS = tuple("January February March April May June July August September October November December".split())  # noqa: SIM905


@light
class Sentences:
    """Every sentence of a ticket's text, and the words inside the messages of rules; a language file names them."""

    # the heading, and what follows each point
    check: str = "Clause 10 check"
    to_fix_one: str = "Clause 10 check - 1 thing to fix"
    to_fix: str = "Clause 10 check - {count} things to fix"
    as_of: str = " (as of {instant})"
    expected: str = " Expected ({clause}): "
    expected_plain: str = " Expected: "
    do_this: str = "Do this:"
    more_one: str = "1 more is in the register."
    more: str = "{count} more are in the register."

    # nothing is open
    clear: str = "All Clause 10 checks on this ticket are clear ({day})."
    no_warnings: str = "Clause 10 check - no open warnings from these checks"
    nothing_checked: str = "Clause 10 check - nothing can be checked on this ticket at present"
    nothing_applies: str = "Clause 10 check - these checks no longer apply to this ticket"
    nothing_to_do: str = " Nothing is left to do here for them."
    calm: str = " There are no open warnings from these checks."
    fixed_one: str = " 1 earlier point was fixed."
    fixed: str = " {count} earlier points were fixed."
    lapsed_one: str = " 1 earlier point no longer applies."
    lapsed: str = " {count} earlier points no longer apply."
    unsure: str = " These earlier points cannot be checked at present: {rules}."
    others_unsure: str = " Some other checks cannot be made on this ticket at present."

    # waivers
    waived: str = "{title} - waived{until}{by}{reason}"
    until: str = " until {day}"
    by: str = " by {name}"
    because: str = ": {reason}"
    answer: str = "Request{of_rule} of {name}: {answer}"
    of_rule: str = " about {rule}"

    # why a request in a comment is not granted
    refused_form: str = "it cannot be read; write `capa waive RULE until 2026-03-31 because …` or `capa approve RULE`"
    refused_person: str = "only members of the waiver group may ask"
    refused_left: str = "the people file says that this person has left"
    refused_edited: str = "somebody else edited the comment"
    refused_rule_like: str = "there is no such rule; did you mean '{rule}'?"
    refused_rule: str = "there is no such rule; {hint}"
    refused_nothing: str = "the rule finds nothing on this ticket"
    refused_owner_unread: str = "the owner of the ticket cannot be read"
    refused_day: str = "'{day}' is no day; {hint}"
    refused_past: str = "{day} has passed"
    refused_changed: str = "what the rule reads has changed since the comment; ask again"
    refused_waits: str = "it waits for a second person: `capa approve {rule}`"
    refused_nobody_waits: str = "no waiver of this rule waits for a second person"
    refused_over: str = "its last day was {day}"
    refused_read: str = "what the rule reads has changed since: {fields}"
    refused_unwaivable: str = "the rule {rule} cannot be waived: `[waivers] unwaivable` of the settings names it"
    refused_reason: str = "the reason has {count} characters; write at least {least}"
    refused_owner: str = "{person} owns the ticket: an owner cannot waive a finding on it"
    refused_approver: str = "{person} owns the ticket: an owner cannot approve a waiver on it"
    refused_own: str = "{person} cannot approve the own waiver"
    refused_high: str = "the finding is high: a second person must approve the waiver"
    refused_future: str = "it was asked for on {day}, which is in the future: a clock was wrong then; ask again"
    refused_long: str = "a finding of severity {severity} is waived for {days} days at most, here until {day}"

    # how to write what a request has wrong: `{hint}`
    hint_day: str = "write a day such as 2026-03-31"
    hint_rules: str = "the register names the rules"
    hint_one_of: str = "write one of {rules}"
    hint_write: str = "write {what}"

    # the closing lines
    next_step: str = "Next step: {name} (owner)."
    no_owner: str = "Next step: name an owner."
    questions: str = " Questions: ISMS lead {name}."
    details_open: str = "Details and how to ask for an exception: "
    details: str = "Details: "
    rule_ids: str = "Rules: {rules}"
    moved: str = ": this ticket is judged together with {key}; its points are shown there."
    action: str = ": this ticket is an action{of_records} now; it is not checked by itself."
    of_records: str = " of {keys}"

    # dates, lists, and what `{missing}` names
    date: str = "{day} {month} {year}"
    either: str = "{first} or {last}"
    both: str = "{first} and {last}"
    both_long: str = "{first}, and {last}"
    parts_of: str = "{parts} of {action}"
    evidence_for: str = "evidence for {action}"
    completion_of: str = "completion of {action}"
    late_action: str = "{action} (due {day})"
    move: str = "from {old} to {new} (on {day})"
    changed_field: str = "{label} (on {day} by {person})"
    unknown_person: str = "someone unknown"


@light
class RuleTexts:
    """The texts of one rule in another language; "" and () where the English one is used.

    Attributes:
        of: digest of the English texts that they were made from, "" where the file does not say it.
        message, fix: as many texts as the rule has, in its order. line: where they begin in the file.
    """

    title: str = ""
    message: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    of: str = ""
    file: str = ""
    line: int = 0


@light
class CommentTexts:
    """All texts for tickets in one language; what the language lacks is in English.

    Attributes:
        language: its code. digest: of the files it was read from; "" for the English of this version.
        fields: canonical field -> its name where the tracker has none. values: our word for an option -> words.
        rules: rule id -> its texts, those of the site before the shipped ones.
    """

    language: str = "en"
    digest: str = ""
    sentences: Sentences = Sentences()
    months: tuple[str, ...] = MONTHS
    fields: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, tuple[RuleTexts, ...]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Return what differs from other texts, on one line."""
        return f"{self.language} {self.digest[:16]}"


ENGLISH = CommentTexts()
