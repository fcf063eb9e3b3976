"""Stage 6, findings to writes on tickets: plan, guard, outbox, deliver; nothing unasked, nothing twice."""

from __future__ import annotations

from capa_sync.writeback.baseline import is_before_baseline
from capa_sync.writeback.deliver import DeliveryReport, deliver_due, look_up_due
from capa_sync.writeback.guard import ROLLING_DAY, Allowed, BrakePolicy, Counts, ReleaseLimit, Stopped, choose
from capa_sync.writeback.plan import IN_DOUBT, NOTIFIED, SETTLING, plan_ticket
from capa_sync.writeback.reported import REPLACED, ReportedWrites
from capa_sync.writeback.samples import sample_texts
from capa_sync.writeback.ticket_plan import Learned, Target, TicketPlan, restored_plan
from capa_sync.writeback.withdrawal import REACHABLE, carries_ours, plan_withdrawal

__all__ = [
    "IN_DOUBT",
    "NOTIFIED",
    "REACHABLE",
    "REPLACED",
    "ROLLING_DAY",
    "SETTLING",
    "Allowed",
    "BrakePolicy",
    "Counts",
    "DeliveryReport",
    "Learned",
    "ReleaseLimit",
    "ReportedWrites",
    "Stopped",
    "Target",
    "TicketPlan",
    "carries_ours",
    "choose",
    "deliver_due",
    "is_before_baseline",
    "look_up_due",
    "plan_ticket",
    "plan_withdrawal",
    "restored_plan",
    "sample_texts",
]
