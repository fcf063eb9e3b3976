"""The two forms of a message: plain text, and HTML in which every text is escaped."""

from __future__ import annotations

from html import escape

from capa_sync.model.digest import DigestMessage, DigestSection

_WIDE = str.maketrans({sign: chr(ord(sign) + 0xFEE0) for sign in "<>@[]`*|~"})
"""Signs that a chat takes for a mention, a link or a format -> their full-width forms, which mean nothing to it."""


def as_text(message: DigestMessage, *, for_chat: bool = False) -> str:
    """Return a message as plain text; `for_chat`: no text of others can mention, link or format anything there."""
    lines: list[str] = []
    for section in message.sections:
        lines += [section.title, *_text_lines(section, for_chat=for_chat), ""]
    return "\n".join([*lines, *message.closing])


def _text_lines(section: DigestSection, *, for_chat: bool) -> list[str]:
    found: list[str] = []
    for line in section.lines:
        text = line.text.translate(_WIDE).replace("://", ": //") if for_chat else line.text
        found.append(f"- {text}" + (f" - {line.url}" if line.url else ""))
    return [*found, *([f"- and {section.more} more"] if section.more else [])]


def as_html(message: DigestMessage) -> str:
    """Return a message as HTML without any outside resource."""
    parts = [
        part
        for section in message.sections
        for part in (f"<h3>{escape(section.title)}</h3>", "<ul>", *_items(section), "</ul>")
    ]
    closing = "".join(f"<p>{escape(line)}</p>" for line in message.closing)
    return f"<html><body>{''.join(parts)}{closing}</body></html>"


def _items(section: DigestSection) -> list[str]:
    found = []
    for line in section.lines:
        link = f' - <a href="{escape(line.url)}">{escape(line.url)}</a>' if line.url else ""
        found.append(f"<li>{escape(line.text)}{link}</li>")
    return [*found, *([f"<li>and {section.more} more</li>"] if section.more else [])]
