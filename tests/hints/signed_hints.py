"""A guard of two sources, and hints with the signatures that their trackers make."""

from __future__ import annotations

import hashlib
import hmac
import json

from capa_sync.hints import HintBox, HintGuard, HintSource
from capa_sync.kinds import HintFormat, kind_named


def _format(kind: str) -> HintFormat:
    form = kind_named(kind).hints
    assert form is not None
    return form


JIRA_FORM, SERVICENOW_FORM = _format("jira"), _format("servicenow")
SECRET = "a secret of the tests, long enough"


def signed(body: bytes, secret: str = SECRET) -> str:
    """Return the signature header as Jira makes it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def guard(limit: int = 1000) -> tuple[HintGuard, HintBox]:
    """A guard for a Jira and a ServiceNow, with the box that it fills."""
    sources = {"jira": HintSource(JIRA_FORM, SECRET), "sn": HintSource(SERVICENOW_FORM, SECRET)}
    box = HintBox(sources, limit)
    return HintGuard(sources, box), box


def hint(id_: str = "10042") -> bytes:
    """A Jira webhook's body."""
    return json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"id": id_, "key": "CAPA-1"}}).encode()
