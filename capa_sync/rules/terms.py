"""The settings as one rule set uses them: calendar, profile, and the length of each named deadline."""

from __future__ import annotations

from typing import Any

from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.settings import DEFAULT_DEADLINES, Days, JudgeOptions
from capa_sync.model.values import Data
from capa_sync.rules.calendar import Calendar, calendar_for
from capa_sync.rules.profiles import PROFILES, Profile, deadline_length


class Terms:
    """The settings as one rule set uses them, prepared once.

    Attributes:
        bare: (rule, outcome) -> verdict without message and evidence, shared between records.
        described: (subject, day or word of a closed list) -> the evidence that this is its value.
        translations: (language, rule) -> its texts in that language, read at first use.
    """

    def __init__(self, options: JudgeOptions) -> None:
        self.options = options
        self.calendar: Calendar = calendar_for(options.timezone, options.holidays)
        self.profile: Profile = PROFILES[options.profile]
        self.bare: dict[tuple[str, Outcome], Verdict] = {}
        self.described: dict[tuple[str, Data], str] = {}
        self.translations: dict[tuple[str, str], Any] = {}
        self._lengths = {
            (name, grade): deadline_length(options, name, grade)
            for name in DEFAULT_DEADLINES
            for grade in ("", "major", "minor", "observation", "ofi")
        }

    def length(self, deadline: str, grade: str) -> Days:
        """Return the length of a named deadline for a grade ("" for ungraded)."""
        return self._lengths[deadline, grade]
