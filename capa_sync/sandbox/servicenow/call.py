"""One call to an API of the ServiceNow instance."""

from __future__ import annotations

from capa_sync.model.light import light
from capa_sync.sandbox.messages import Request
from capa_sync.sandbox.servicenow.access import Caller


@light
class ServiceNowCall:
    """One request with its caller and its target.

    Attributes:
        version: the version in the path: "", "v1" or "v2".
        origin: the scheme and host of links in the answer.
    """

    request: Request
    caller: Caller
    version: str
    table: str
    origin: str

    def flag(self, name: str) -> bool:
        """Return a boolean parameter; its case does not matter (pysnow sends `True`)."""
        return (self.request.parameter(name) or "").lower() == "true"

    def text(self, name: str) -> str:
        """Return a text parameter, "" if it is absent."""
        return self.request.parameter(name) or ""
