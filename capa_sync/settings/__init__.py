"""Settings: one TOML file and CAPA_SYNC_ variables, all checked together; every mistake has its line."""

from __future__ import annotations

from capa_sync.settings.load import load_settings
from capa_sync.settings.schema import Settings
from capa_sync.settings.source_schema import AuthSettings, SourceSettings

__all__ = ["AuthSettings", "Settings", "SourceSettings", "load_settings"]
