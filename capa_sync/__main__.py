"""`python -m capa_sync` is the `capa-sync` command."""

from __future__ import annotations

from capa_sync.cli.app import main

if __name__ == "__main__":
    main()
