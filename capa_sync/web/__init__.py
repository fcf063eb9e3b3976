"""Stage 8, the register's page: Datasette over the public views alone, read-only, on loopback.

In every format it shows no text of a confidential ticket and no raw payload, and it runs no SQL of a visitor.
"""

from __future__ import annotations

from capa_sync.web.server import RegisterPage, serve_register

__all__ = ["RegisterPage", "serve_register"]
