"""Stage 3, ticket to canonical record; a ticket that cannot be mapped is quarantined with its reasons."""

from __future__ import annotations
