"""A rule's preventive twin as a validator of a Jira workflow."""

from __future__ import annotations

import json

from capa_sync.kinds import Prevention


def validators(wanted: Prevention) -> list[str]:
    """Return how Jira demands fields on transitions.

    The JSON is that of a workflow's `validators` in Jira Cloud's REST API ("Validate a field value", rule type
    fieldRequired). Data Center has no such validator of its own.
    """
    if not wanted.statuses:
        return [f"make required in the field configuration: {', '.join(wanted.fields)}"]
    into = ", ".join(f"“{status}”" for status in wanted.statuses)
    rules = [
        {
            "ruleKey": "system:validate-field-value",
            "parameters": {
                "ruleType": "fieldRequired",
                "fieldsRequired": field_id,
                "ignoreContext": "true",
                "errorMessage": f"{wanted.message} ({wanted.rule})",
            },
        }
        for field_id in wanted.fields.values()
    ]
    return [
        f"on each transition into {into}, a validator “Field required” for {', '.join(wanted.fields)}",
        "Jira Cloud, in the `validators` of each of these transitions (Data Center needs an app for it):",
        *json.dumps(rules, indent=2, ensure_ascii=False).splitlines(),
    ]
