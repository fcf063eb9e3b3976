"""Stage 2, the mirror and register: the one SQLite file; the only package that speaks SQL.

The store guarantees that a page of readings is stored with its cursor or not at all, that known content changes no
row, and that no primary data is ever deleted but by an erasure, which leaves a tombstone. `open_register` opens it;
`RegisterLock` prevents a second daemon.
"""

from __future__ import annotations

from capa_sync.store.backup import back_up, is_own_file, restore
from capa_sync.store.chain import RULES_WRITTEN
from capa_sync.store.judged_rows import JudgedRows, judged_rows, standing_row
from capa_sync.store.lock import RegisterLock
from capa_sync.store.opening import check_register, open_copy, open_register
from capa_sync.store.parts import Stored, newest_parts
from capa_sync.store.past import PastVersion, StoredReads
from capa_sync.store.past_instants import PastInstants
from capa_sync.store.place import register_exists
from capa_sync.store.register import Register
from capa_sync.store.requests import (
    ACTIVATE,
    APPROVE,
    DIFFERENT,
    DIGEST_AGAIN,
    DISCARD_DRAFT,
    ERASE,
    NOTE,
    PAUSE,
    REFRESH,
    RELEASE,
    RESUME,
    RETRY,
    SAVE_DRAFT,
    WAIVE,
    WITHDRAW,
    WRITE_RULES,
    VerbRequest,
)
from capa_sync.store.reviews import Kept
from capa_sync.store.roles import Naming, TicketPlace
from capa_sync.store.runs import CENSUS, FULL, POLL, STAMPED_AHEAD
from capa_sync.store.sends import Sends
from capa_sync.store.snapshot import RegisterSnapshot
from capa_sync.store.standings import StandingChange
from capa_sync.store.waivers import PastWaiver, waiver_as_json, waiver_from_json
from capa_sync.store.write_rows import WriteRow, write_from, write_notifies, write_row

__all__ = [
    "ACTIVATE",
    "APPROVE",
    "CENSUS",
    "DIFFERENT",
    "DIGEST_AGAIN",
    "DISCARD_DRAFT",
    "ERASE",
    "FULL",
    "NOTE",
    "PAUSE",
    "POLL",
    "REFRESH",
    "RELEASE",
    "RESUME",
    "RETRY",
    "RULES_WRITTEN",
    "SAVE_DRAFT",
    "STAMPED_AHEAD",
    "WAIVE",
    "WITHDRAW",
    "WRITE_RULES",
    "JudgedRows",
    "Kept",
    "Naming",
    "PastInstants",
    "PastVersion",
    "PastWaiver",
    "Register",
    "RegisterLock",
    "RegisterSnapshot",
    "Sends",
    "StandingChange",
    "Stored",
    "StoredReads",
    "TicketPlace",
    "VerbRequest",
    "WriteRow",
    "back_up",
    "check_register",
    "is_own_file",
    "judged_rows",
    "newest_parts",
    "open_copy",
    "open_register",
    "register_exists",
    "restore",
    "standing_row",
    "waiver_as_json",
    "waiver_from_json",
    "write_from",
    "write_notifies",
    "write_row",
]
