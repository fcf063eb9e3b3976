"""One call to an API of the instance."""

from __future__ import annotations

from dataclasses import dataclass

from capa_sync.sandbox.messages import Request
from capa_sync.sandbox.servicenow.access import Caller


@dataclass(frozen=True, slots=True)
class ServiceNowCall:
    """One request, by whom, and for what.

    Attributes:
        version: "", "v1" or "v2", from the path.
        origin: scheme and host for links in the answer.
    """

    request: Request
    caller: Caller
    version: str
    table: str
    origin: str

    def flag(self, name: str) -> bool:
        """A boolean parameter, in any case (pysnow sends `True`)."""
        return (self.request.parameter(name) or "").lower() == "true"

    def text(self, name: str) -> str:
        """A text parameter, "" when absent."""
        return self.request.parameter(name) or ""
