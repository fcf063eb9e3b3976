"""Stage 8, the register's page: Datasette over the public views alone, read-only, on loopback.

It promises that no text of a confidential ticket, no raw payload and no SQL of a visitor passes, in any format.
"""

from __future__ import annotations

from capa_sync.web.server import RegisterPage, serve_register

__all__ = ["RegisterPage", "serve_register"]
