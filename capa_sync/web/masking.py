"""Which columns of the public views show text of a ticket, and the SQL that masks them for confidential tickets.

Every column that is not listed as harmless is masked: a column of a later version stays hidden until it is listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RESTRICTED = "restricted"
REGISTER = "register"
"""The name of the one database that the page shows."""

_TICKET = ("source", "ticket_id", "ticket_key", "confidential")
HARMLESS: Mapping[str, frozenset[str]] = {
    view: frozenset((*_TICKET, *columns.split()))
    for view, columns in {
        "v_register": """register_no ticket_url track grade origin occurred_at detected_at claimed_stage
            evidenced_stage source_status corrected_at rca_method cause_category actions_done actions_total due_at
            replans days_late implemented_at effectiveness_due effectiveness_result reviewed_at closed_at reopens
            days_open warnings_high warnings_medium warnings_low rules cannot_tell changed_at synced_at presence
            as_of checks_made""",
        "v_findings": """rule clause severity state opened_at cleared_at waived_until rule_set title mode episode
            number hidden_by""",
        "v_changes": "field changed_at origin entry group_no field_id",
        "v_actions": "action_key origin kind due_at done_at action_id",
        "v_tickets": """presence updated_at seen_at history_complete role kind container url created_at presence_at
            history_from changes comments history_gap""",
        "v_writes": """kind state attempts delivered_at remote_id id seq hash notifies created_at not_before
            marked_at""",
        "v_sources": """kind cursor as_of last_success_at tickets problem watermark not_before safety_stop""",
    }.items()
}
"""Public view -> columns that contain no text of a ticket and no person."""

_SCHEMA = "<file>"
_OPEN = "COALESCE({0}.confidential, '') IN ('', 'no')"
_ROW = f"SELECT 1 FROM {_SCHEMA}.v_register r WHERE r.source = x.source AND r.ticket_id = x.ticket_id AND "  # noqa: S608
_IS_CLEAR: Mapping[str, str] = {
    "v_register": _OPEN.format("x"),
    # A ticket in the mirror that is not in the register may be confidential: nothing says that it is not.
    **dict.fromkeys(
        ("v_findings", "v_changes", "v_actions"), f"{_OPEN.format('x')} AND EXISTS ({_ROW}{_OPEN.format('r')})"
    ),
    # Why a ticket is not in the register, or a write is stuck, must be visible; it quotes settings, not tickets.
    **dict.fromkeys(("v_tickets", "v_writes"), f"NOT EXISTS ({_ROW}NOT ({_OPEN.format('r')}))"),
    "v_sources": "1",
}


def masked_view(view: str, columns: Sequence[str], schema: str) -> str:
    """Return the statement that creates a masked temporary view over the public view of the same name in `schema`."""
    shown = ", ".join(_shown(view, column) for column in columns).replace(_SCHEMA, schema)
    return f"CREATE TEMP VIEW {view} AS SELECT {shown} FROM {schema}.{view} x"  # noqa: S608 - names of ours


def _shown(view: str, column: str) -> str:
    name = '"' + column.replace('"', '""') + '"'
    if column in HARMLESS[view]:
        return f"x.{name}"
    return f"CASE WHEN {_IS_CLEAR[view]} THEN x.{name} ELSE '{RESTRICTED}' END AS {name}"
