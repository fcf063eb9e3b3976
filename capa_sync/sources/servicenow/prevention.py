"""A rule's preventive twin as a data policy of ServiceNow."""

from __future__ import annotations

import json

from capa_sync.kinds import Prevention


def data_policy(wanted: Prevention) -> list[str]:
    """Return how ServiceNow demands fields in a state: one row of sys_data_policy2, and one per field below it.

    A data policy holds on forms, imports and web services alike.
    """
    condition = f"{wanted.status}IN{','.join(wanted.statuses.values())}" if wanted.statuses else ""
    policy = {
        "sys_data_policy2": {
            "model_table": wanted.table,
            "short_description": f"{wanted.rule}: {wanted.message}",
            "conditions": condition,
            "reverse_if_false": "true",
            "enforce_ui": "true",
            "active": "true",
        },
        "sys_data_policy_rule": [{"field": field_id, "mandatory": "true"} for field_id in wanted.fields.values()],
    }
    when = f"while {wanted.status} is one of {', '.join(wanted.statuses)}" if wanted.statuses else "always"
    return [
        f"a data policy on {wanted.table} that makes {', '.join(wanted.fields)} mandatory {when}:",
        *json.dumps(policy, indent=2, ensure_ascii=False).splitlines(),
    ]
