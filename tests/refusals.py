"""The words in which each tracker itself refuses a request; a 403 in other words is that of a proxy or a firewall."""

from __future__ import annotations

_JIRA = '{"errorMessages": ["You do not have the permission to do this."], "errors": {}}'
_SERVICENOW = (
    '{"error": {"message": "User Not Authorized", "detail": "Failed API level ACL Validation"}, "status": "failure"}'
)
OWN_REFUSALS = {"jira": _JIRA, "jira-dc": _JIRA, "servicenow": _SERVICENOW}
"""Source of the harnesses -> the body of its 403."""
