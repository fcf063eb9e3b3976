"""The built-in texts of verdicts, beside the messages of rule files: the facts behind a verdict, for `explain`.

Names in braces are replaced by texts that were clipped before. What stands on tickets is in `model/comment_texts.py`.
"""

from __future__ import annotations

# a present value
IS_EMPTY = "is empty"
IS_MEDIA = "is an image or attachment alone"
IS = "is '{value}'"
IS_PLACEHOLDER = "holds only a placeholder, '{value}'"
IS_UNKNOWN = "is {state}"
IS_UNKNOWN_BECAUSE = "is {state}: {reason}"

# an entry of a history
QUOTED = "'{value}'"
NOT_FILLED = "'{value}' ({state})"
EMPTY = "empty"
MEDIA = "an image or attachment alone"
UNKNOWN = "an unknown value ({state})"
BECAME = "became {value}{who}"
AT_CREATION = "was {value} at creation{who}"
WHERE_IT_BEGINS = "was {value} where the history that could be read begins"
SEEN_LATER = ", as a later reading showed; by whom is not recorded"
NO_PERSON = ", by an account that stands for no person"

# first times
NEVER = "never {event}"
NOT_KNOWN_WHETHER = "not known whether {event} before"
BEFORE_IT_BEGINS = "{event} before the history that could be read begins, or there"
HAPPENED = "{event} on {day}"
HAPPENED_BY = "{event} on {day}: {change}"
NOT_CHANGED_AFTER = "not changed after {label}"
HUMAN_COMMENT = "a human comment"
DEADLINE_ENDS = "the {name} deadline ends on {day}"

# actions
NO_ACTION = "there is none"
ACTION = "{action}: {due}, {owner}, {state}"
DUE = "due {day}"
NO_DUE = "without a due date"
DUE_UNKNOWN = "a due date that cannot be read"
OWNER = "owner {person}"
NO_OWNER = "without an owner"
OWNER_UNKNOWN = "an owner that cannot be read"
DONE = "done {day}"
OPEN = "open"
UNREADABLE = "cannot be read"

# why a rule cannot tell
NOT_MAPPED = "'{name}' is not mapped"
NOT_MAPPED_BECAUSE = "'{name}' is not mapped: {reason}"
CANNOT_BE_READ = "'{name}' cannot be read"
ACTION_UNREADABLE = "{action} cannot be read"
ACTIONS_NOT_MAPPED = "the mapping names no place for actions"
HISTORY_INCOMPLETE = "the change history is incomplete"
HISTORY_UNLISTED = "the history holds a value that the mapping does not list"
OTHER_LANGUAGE = "a text is mostly in {language}, and this check reads English alone"
OTHER_LANGUAGE_BY_MAPPING = (
    "the mapping says that texts are in {language} (`language`), and this check reads English alone"
)
NOT_COMPARED = "it was not compared with the other records of the register"
NOT_KNOWN = "what this check needs of {names} is not known"
CLOSED_WHEN_UNKNOWN = "the history does not show when it was closed"
CLOSED_BY_UNKNOWN = "the history does not show who closed it"
CLOSED_BY_NO_PERSON = "it was closed by an account that stands for no person"
ACTIVITY_UNKNOWN = "the tracker has not shown yet whether the account of this person is active"
ATTACHMENTS_NOT_READ = "this kind of source does not deliver attachments"
OWNER_UNREADABLE = "an action's owner cannot be read"

# phrases of other distributions
PHRASE_FAILED = "the phrase '{phrase}' ended with an error of its own ({place})"
