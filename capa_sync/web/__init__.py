"""Stage 8, the register's page: Datasette over the public views alone."""

from __future__ import annotations
