"""The platform's tables in the sandbox ServiceNow: people, dictionary, choices, audit, journal, properties."""

from __future__ import annotations

from capa_sync.sandbox.servicenow.schema import Schema, define

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
"""Tables that only the platform writes; they have no sys_updated_on, and no API call changes them."""
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
_ATTACHMENT = """
    table_name string 80
    table_sys_id string
    file_name string 100
    content_type string 255
    size_bytes integer
    hash string 64
"""


def add_people(schema: Schema) -> None:
    """Add users, groups, roles, and the tables that they refer to."""
    define(schema, "sys_user|User||name", _USER)
    define(schema, "sys_user_group|Group||name", _GROUP)
    define(schema, "sys_user_grmember|Group member||", "user ref:sys_user\ngroup ref:sys_user_group")
    define(schema, "sys_user_role|Role||name", "name string 100\ndescription text")
    define(schema, "sys_user_has_role|User role||", "user ref:sys_user\nrole ref:sys_user_role\nstate string =active")
    define(schema, "cmn_location|Location||name", "name string 100")
    define(schema, "cmn_department|Department||name", "name string 100")
    define(schema, "core_company|Company||name", "name string 80")


def add_meta(schema: Schema) -> None:
    """Add the tables that describe tables, and the logs that the platform writes."""
    define(schema, "sys_db_object|Tables||label", _DB_OBJECT)
    define(schema, "sys_dictionary|Dictionary entry||", _DICTIONARY)
    define(schema, "sys_choice|Choice||label", _CHOICE)
    define(schema, "sys_audit|Audit||", _AUDIT)
    define(schema, "sys_audit_delete|Deleted record||", _AUDIT_DELETE)
    define(schema, "sys_journal_field|Journal entry||", _JOURNAL)
    define(schema, "sys_attachment|Attachment||file_name", _ATTACHMENT)
    define(schema, "sys_properties|System property||name", "name string 100\nvalue string 4000\ndescription text")
    schema.tables["sys_audit"].columns["oldvalue"].max_length = 65_000
    schema.tables["sys_audit"].columns["newvalue"].max_length = 65_000
    schema.tables["sys_journal_field"].columns["value"].max_length = 65_000


def add_system_columns(schema: Schema) -> None:
    """Add the sys_ columns to every table without a parent."""
    for table in schema.tables.values():
        if not table.parent:
            system = Schema()
            define(system, f"{table.name}|||", _LOG if table.name in LOG_TABLES else _SYSTEM)
            table.columns = {**table.columns, **system.tables[table.name].columns}
    schema.forget_caches()
