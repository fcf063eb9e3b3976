"""The settings of the digest. Addresses hold secrets, so that they are named by variable or file, never written."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from capa_sync.settings.source_schema import Strict, VariableName
from capa_sync.settings.units import source_name

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _time(text: Any) -> time:
    """Read `08:00`. Raises ValueError with the allowed form."""
    if isinstance(text, time) and text.tzinfo is None:  # TOML has times of its own
        return text
    found = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError("write a time of the day from 00:00 to 23:59, as in 08:00")
    return time(int(found[1]), int(found[2]))


def _span(text: Any) -> tuple[time, time] | None:
    """Read `19:00-07:00`, "" for none. Raises ValueError with the allowed form."""
    if text is None or text == "":
        return None
    parts = text.split("-") if isinstance(text, str) else []
    if len(parts) != 2:
        raise ValueError("quiet hours are two times of the day, as in 19:00-07:00")
    begins, ends = _time(parts[0]), _time(parts[1])
    if begins == ends:
        raise ValueError("quiet hours begin and end at the same time, so that nothing would ever be sent")
    return begins, ends


TimeOfDay = Annotated[time, BeforeValidator(_time)]
QuietHours = Annotated[tuple[time, time] | None, BeforeValidator(_span)]
TargetName = Annotated[str, AfterValidator(source_name)]


class DigestTargetSettings(Strict):
    """One more recipient of the lead's digest: an Apprise address, and what its readers may see."""

    url_env: VariableName = ""
    url_file: str = ""
    role: Literal["reader", "auditor"] = "reader"

    @model_validator(mode="after")
    def _has_an_address(self) -> DigestTargetSettings:
        """Refuse a target without the place of its address."""
        if not (self.url_env or self.url_file):
            raise ValueError("a target needs url_env or url_file")
        return self


class DigestSettings(Strict):
    """The periodic message to leads, owners and managers; off while it has no target and no mail server."""

    day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    at: TimeOfDay = time(8)
    quiet: QuietHours = (time(19), time(7))
    weekends: bool = False
    leads: tuple[str, ...] = Field(default=(), max_length=50)
    mail_env: VariableName = ""
    mail_file: str = ""
    targets: dict[TargetName, DigestTargetSettings] = Field(default_factory=dict, max_length=20)

    @property
    def has_mail(self) -> bool:
        """Whether a mail server is named."""
        return bool(self.mail_env or self.mail_file)

    @property
    def is_on(self) -> bool:
        """Whether anybody gets a digest."""
        return self.has_mail or bool(self.targets)
