"""Every sentence that we write on a ticket, except the messages and fixes of the rule files.

`render` fills in the names in braces with cleaned texts. No sentence contains "compliant" or "conforms": a rule finds
missing evidence, an auditor judges.
"""

from __future__ import annotations

CHECK = "Clause 10 check"
TO_FIX_ONE = "Clause 10 check - 1 thing to fix"
TO_FIX = "Clause 10 check - {count} things to fix"
AS_OF = " (as of {instant})"
EXPECTED = " Expected ({clause}): "
EXPECTED_PLAIN = " Expected: "
DO_THIS = "Do this:"
MORE_ONE = "1 more is in the register."
MORE = "{count} more are in the register."

CLEAR = "All Clause 10 checks on this ticket are clear ({day})."
NO_WARNINGS = "Clause 10 check - no open warnings from these checks"
NOTHING_CHECKED = "Clause 10 check - nothing can be checked on this ticket at present"
NOTHING_APPLIES = "Clause 10 check - these checks no longer apply to this ticket"
NOTHING_TO_DO = " Nothing is left to do here for them."
CALM = " There are no open warnings from these checks."
FIXED_ONE = " 1 earlier point was fixed."
FIXED = " {count} earlier points were fixed."
LAPSED_ONE = " 1 earlier point no longer applies."
LAPSED = " {count} earlier points no longer apply."
UNSURE = " These earlier points cannot be checked at present: {rules}."
OTHERS_UNSURE = " Some other checks cannot be made on this ticket at present."

WAIVED = "{title} - waived{until}{by}{reason}"
ANSWER = "Request{of_rule} of {name}: {answer}"
OF_RULE = " about {rule}"
UNTIL = " until {day}"
BY = " by {name}"
BECAUSE = ": {reason}"

NEXT_STEP = "Next step: {name} (owner)."
NO_OWNER = "Next step: name an owner."
QUESTIONS = " Questions: ISMS lead {name}."
DETAILS_OPEN = "Details and how to ask for an exception: "
DETAILS = "Details: "
RULES = "Rules: {rules}"
MOVED = ": this ticket is judged together with {key}; its points are shown there."
ACTION = ": this ticket is an action{of_records} now; it is not checked by itself."
OF_RECORDS = " of {keys}"
