"""Builds sources, rules and mappings from the settings, and connects them to the ports of the runtime.

The stages themselves read no settings.
"""

from __future__ import annotations

from capa_sync.wiring.configuration import (
    Configuration,
    Setup,
    assembled,
    configure,
    configured,
    judge_options,
    set_up,
)
from capa_sync.wiring.digest import build_digest, digest_options
from capa_sync.wiring.runtimes import (
    bind_as_last_known,
    build_hints,
    build_runtime,
    build_runtime_for_reading,
    build_unmapped_source,
    writable_rule_files,
    write_options,
)

__all__ = [
    "Configuration",
    "Setup",
    "assembled",
    "bind_as_last_known",
    "build_digest",
    "build_hints",
    "build_runtime",
    "build_runtime_for_reading",
    "build_unmapped_source",
    "configure",
    "configured",
    "digest_options",
    "judge_options",
    "set_up",
    "writable_rule_files",
    "write_options",
]
