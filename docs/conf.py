"""How Sphinx builds these pages; nothing is fetched from another host, neither at build nor at view."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generated_pages import write_pages  # noqa: E402 - found beside this file

write_pages(HERE / "generated")

project = "capa-sync"
author = "the capa-sync founders"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "capa-sync"
html_static_path = ["_static"]
html_copy_source = False
html_show_sphinx = False
nitpicky = True
myst_heading_anchors = 4
myst_links_external_new_tab = True
