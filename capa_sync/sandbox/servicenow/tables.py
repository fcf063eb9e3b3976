"""The tables that the sandbox ServiceNow ships: task and its classes, GRC issue and task, `u_capa`.

The columns of task, incident and problem include those of ServiceNow's sample answers. `sn_grc_issue` has the columns
of its form (docs/servicenow.md 8) and the `u_` columns that a Clause 10 mapping needs, since the base form has no
root cause, correction or effectiveness field.
"""

from __future__ import annotations

from capa_sync.sandbox.servicenow.clause10 import CLAUSE10_COLUMNS, SYNC_COLUMNS
from capa_sync.sandbox.servicenow.meta_tables import add_meta, add_people, add_system_columns
from capa_sync.sandbox.servicenow.schema import ColumnDef, Schema, define

_TASK = """
    parent ref:task
    made_sla boolean =true
    watch_list list:sys_user
    upon_reject choice =cancel
    approval_history journal
    number string
    opened_by ref:sys_user
    user_input text
    sys_domain domain_id:sys_user_group =global
    state integer =1
    knowledge boolean =false
    order integer
    closed_at instant
    cmdb_ci ref:cmdb_ci
    delivery_plan ref:sc_cat_item_delivery_plan
    impact integer =3
    active boolean =true
    work_notes_list list:sys_user
    business_service ref:cmdb_ci_service
    priority integer =4
    sys_domain_path string 255 =/
    time_worked timer
    expected_start instant
    rejection_goto ref:task
    opened_at instant
    business_duration glide_duration
    group_list list:sys_user_group
    work_end instant
    approval_set instant
    wf_activity ref:wf_activity
    work_notes journal
    short_description string 160
    correlation_display string 100
    delivery_task ref:task
    work_start instant
    assignment_group ref:sys_user_group
    additional_assignee_list list:sys_user
    description text
    calendar_duration glide_duration
    close_notes text
    sys_class_name sys_class_name 80
    closed_by ref:sys_user
    follow_up instant
    contact_type string
    urgency integer =3
    company ref:core_company
    reassignment_count integer =0
    activity_due due_date
    assigned_to ref:sys_user
    comments journal
    approval choice =not~requested
    sla_due due_date
    comments_and_work_notes journal_list
    due_date instant
    escalation integer =0
    upon_approval choice =proceed
    correlation_id string 100
    location ref:cmn_location
"""
_INCIDENT = """
    business_stc integer
    calendar_stc integer
    caller_id ref:sys_user
    category string =inquiry
    caused_by ref:change_request
    child_incidents integer
    close_code string
    incident_state integer =1
    notify integer =1
    parent_incident ref:incident
    problem_id ref:problem
    reopen_count integer
    resolved_at instant
    resolved_by ref:sys_user
    rfc ref:change_request
    severity integer =3
    subcategory string
"""
_PROBLEM = """
    category string
    subcategory string
    cause_notes text
    fix_notes text
    workaround text
    known_error boolean =false
    major_problem boolean =false
    problem_state integer =101
    state integer =101
    resolution_code string
    duplicate_of ref:problem
    first_reported_by_task ref:task | Origin task
    confirmed_at instant
    confirmed_by ref:sys_user
    fix_at instant
    fix_by ref:sys_user
    resolved_at instant
    resolved_by ref:sys_user
    reopened_at instant
    reopened_by ref:sys_user
    reopen_count integer =0
    related_incidents integer =0
    review_outcome string
    rfc ref:change_request
"""
_PROBLEM_TASK = """
    problem ref:problem
    problem_task_type string =general
    state integer =151
    cause_code string
    close_code string
    other_reason text
    started_at instant
    started_by ref:sys_user
    reopen_count integer =0
"""
_GRC_ISSUE = """
    state integer =10
    substate string
    issue_type string
    issue_source string
    issue_rating string
    classification string
    response string
    explanation text
    recommendation text
    action_plan text
    planned_start_date instant
    planned_end_date instant
    actual_start_date instant
    actual_end_date instant
    confirmed_date instant
    issue_manager ref:sys_user
    issue_manager_group ref:sys_user_group
    engagement ref:sn_audit_engagement
    confidential boolean =false
"""
_GRC_TASK = """
    issue ref:sn_grc_issue
    state integer =1
    kind string =corrective
    planned_start_date instant
    planned_end_date instant
    actual_start_date instant
    actual_end_date instant
    response string
    u_evidence text
"""
_CAPA = """
    number string
    sys_class_name sys_class_name 80
    active boolean =true
    u_title string 160
    u_description text
    u_state string =open
    u_owner ref:sys_user
    u_raised_by ref:sys_user
    u_due day
    u_action text | Corrective action
    u_implemented_on day
    closed_at instant | Closed
    closed_by ref:sys_user | Closed by
    work_notes journal
    comments journal
"""
_CAPA_ACTION = """
    number string
    u_capa ref:u_capa | Record
    u_kind string =corrective
    u_text text
    u_owner ref:sys_user
    u_due day
    u_state string =open
    u_done_at instant
    u_evidence text
"""


def shipped_schema() -> Schema:
    """Return a new schema with all shipped tables."""
    schema = Schema()
    _add_tasks(schema)
    _add_grc_and_capa(schema)
    add_people(schema)
    add_meta(schema)
    add_system_columns(schema)
    return schema


def _add_tasks(schema: Schema) -> None:
    define(schema, "task|Task|TASK|number", _TASK)
    define(schema, "incident|Incident|INC|", _INCIDENT, parent="task", audited=True)
    define(schema, "problem|Problem|PRB|", _PROBLEM + SYNC_COLUMNS, parent="task", audited=True)
    define(schema, "problem_task|Problem task|PTASK|", _PROBLEM_TASK, parent="task", audited=True)
    define(schema, "change_request|Change request|CHG|", "type string", parent="task", audited=True)


def _add_grc_and_capa(schema: Schema) -> None:
    issue = _GRC_ISSUE + CLAUSE10_COLUMNS + SYNC_COLUMNS
    define(schema, "sn_grc_issue|Issue|ISS|", issue, parent="task", audited=True)
    define(schema, "sn_grc_task|Remediation task|RTSK|", _GRC_TASK, parent="task", audited=True)
    define(schema, "u_capa|CAPA record|CAPA|number", _CAPA + CLAUSE10_COLUMNS + SYNC_COLUMNS, audited=True)
    define(schema, "u_capa_action|CAPA action|CACT|number", _CAPA_ACTION, audited=True)


def loaded_column(table: str, name: str, kind: str = "string", reference: str = "") -> ColumnDef:
    """Return a column that a loaded record has and the dictionary lacks, long enough for any value."""
    return ColumnDef(table, name, kind, reference=reference, max_length=65_000)
