"""Stage 8, the register's page: Datasette over the public views alone, read-only, for visitors by role.

In every format it shows a reader no text of a confidential ticket, and nobody a raw payload; it runs no SQL of a
visitor.
"""

from __future__ import annotations

from capa_sync.web.server import RegisterPage, refuse_taken_address, serve_register

__all__ = ["RegisterPage", "refuse_taken_address", "serve_register"]
