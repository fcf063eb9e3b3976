"""Stage 6, findings to writes on tickets: plan, guard, outbox, deliver; nothing unasked, nothing twice."""

from __future__ import annotations
