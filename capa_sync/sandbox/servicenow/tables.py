"""The tables the sandbox ServiceNow ships: task and its classes, GRC issue and task, `u_capa`, meta tables.

Columns of task, incident and problem cover those of ServiceNow's own sample answers; `sn_grc_issue` has besides
its form's columns (facts/servicenow.md 8) the `u_` columns a Clause 10 mapping needs, since the base form has no
root cause, correction or effectiveness field.
"""

from __future__ import annotations

from capa_sync.sandbox.servicenow.clause10 import CLAUSE10_COLUMNS, SYNC_COLUMNS
from capa_sync.sandbox.servicenow.schema import Column, Schema, define

_SYSTEM = """
    sys_id guid
    sys_created_on instant
    sys_created_by string
    sys_updated_on instant
    sys_updated_by string
    sys_mod_count integer
    sys_tags string
"""
_LOG = """
    sys_id guid
    sys_created_on instant
    sys_created_by string
    sys_tags string
"""
LOG_TABLES = frozenset({"sys_audit", "sys_audit_delete", "sys_journal_field"})
"""Tables the platform itself writes; they have no sys_updated_on, and no API call changes them."""
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
_USER = """
    user_name string
    name string 151
    first_name string 50
    last_name string 50
    email string 100
    active boolean =true
    locked_out boolean =false
    time_zone string
    date_format string
    time_format string
    title string 60
    department ref:cmn_department
    manager ref:sys_user
    sys_class_name sys_class_name 80
"""
_GROUP = """
    name string 80
    description text
    active boolean =true
    manager ref:sys_user
    email string 100
    parent ref:sys_user_group
    type list:sys_user_group_type
"""
_DB_OBJECT = """
    name string 80
    label string 80
    super_class ref:sys_db_object
    is_extendable boolean
    number_ref string
    access string
    sys_scope string
"""
_DICTIONARY = """
    name string 80
    element string 80
    column_label string 80
    internal_type ref:sys_glide_object 40
    reference string 80
    max_length integer
    attributes string 1000
    audit boolean =false
    active boolean =true
    display boolean =false
    mandatory boolean =false
    read_only boolean =false
    default_value string 512
"""
_CHOICE = """
    name string 80
    element string 80
    value string 100
    label string 100
    language string =en
    sequence integer
    inactive boolean =false
    dependent_value string
    hint string 255
"""
_AUDIT = """
    tablename string 80
    documentkey string
    fieldname string 80
    oldvalue text
    newvalue text
    user string
    reason string 255
    record_checkpoint integer
"""
_AUDIT_DELETE = """
    tablename string 80
    documentkey string
    display_value string 255
    payload text
"""
_JOURNAL = """
    name string 80
    element string 80
    element_id string
    value text
"""


def shipped_schema() -> Schema:
    """A new schema with all shipped tables."""
    schema = Schema()
    _add_tasks(schema)
    _add_grc_and_capa(schema)
    _add_people(schema)
    _add_meta(schema)
    for table in schema.tables.values():
        if not table.parent:
            system = Schema()
            define(system, f"{table.name}|||", _LOG if table.name in LOG_TABLES else _SYSTEM)
            table.columns = {**table.columns, **system.tables[table.name].columns}
    schema.forget_caches()
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


def _add_people(schema: Schema) -> None:
    define(schema, "sys_user|User||name", _USER)
    define(schema, "sys_user_group|Group||name", _GROUP)
    define(schema, "sys_user_grmember|Group member||", "user ref:sys_user\ngroup ref:sys_user_group")
    define(schema, "sys_user_role|Role||name", "name string 100\ndescription text")
    define(schema, "sys_user_has_role|User role||", "user ref:sys_user\nrole ref:sys_user_role\nstate string =active")
    define(schema, "cmn_location|Location||name", "name string 100")
    define(schema, "cmn_department|Department||name", "name string 100")
    define(schema, "core_company|Company||name", "name string 80")


def _add_meta(schema: Schema) -> None:
    define(schema, "sys_db_object|Tables||label", _DB_OBJECT)
    define(schema, "sys_dictionary|Dictionary entry||", _DICTIONARY)
    define(schema, "sys_choice|Choice||label", _CHOICE)
    define(schema, "sys_audit|Audit||", _AUDIT)
    define(schema, "sys_audit_delete|Deleted record||", _AUDIT_DELETE)
    define(schema, "sys_journal_field|Journal entry||", _JOURNAL)
    define(schema, "sys_properties|System property||name", "name string 100\nvalue string 4000\ndescription text")
    schema.tables["sys_audit"].columns["oldvalue"].max_length = 65_000
    schema.tables["sys_audit"].columns["newvalue"].max_length = 65_000
    schema.tables["sys_journal_field"].columns["value"].max_length = 65_000


def loaded_column(table: str, name: str, kind: str = "string", reference: str = "") -> Column:
    """A column that a loaded record has and the dictionary lacks; wide enough to hold it as it is."""
    return Column(table, name, kind, reference=reference, max_length=65_000)
