"""Rich text: checks and converts Atlassian Document Format (REST v3) and wiki markup (REST v2)."""

from __future__ import annotations

from typing import Any

_MARKS = {"strong": "*", "em": "_", "strike": "-", "underline": "+"}


def is_document(value: object) -> bool:
    """Whether a value is a well-formed ADF document; an empty text node is invalid, as in Jira."""
    if not isinstance(value, dict) or value.get("type") != "doc" or value.get("version") != 1:
        return False
    content = value.get("content")
    return isinstance(content, list) and all(_is_node(node) for node in content)


def _is_node(node: object) -> bool:
    if not isinstance(node, dict) or not isinstance(node.get("type"), str):
        return False
    if node["type"] == "text":
        return isinstance(node.get("text"), str) and node["text"] != ""
    content = node.get("content", [])
    return isinstance(content, list) and all(_is_node(child) for child in content)


def to_document(text: str) -> dict[str, Any]:
    """Convert text to ADF: a paragraph for each block, a hard break for each line; markup stays literal."""
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return {"type": "doc", "version": 1, "content": [_paragraph(block) for block in blocks]}


def _paragraph(block: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for number, line in enumerate(block.strip("\n").split("\n")):
        if number:
            content.append({"type": "hardBreak"})
        if line:
            content.append({"type": "text", "text": line})
    return {"type": "paragraph", "content": content}


def to_wiki(value: object) -> str:
    """Convert ADF to the wiki markup of REST v2 and the changelog; text is returned unchanged."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return str(value)
    return _blocks(value.get("content") or [])


def _blocks(nodes: list[Any], prefix: str = "") -> str:
    return "\n\n".join(text for text in (_block(node, prefix) for node in nodes) if text)


def _block(node: dict[str, Any], prefix: str) -> str:
    kind = node.get("type")
    children = node.get("content") or []
    if kind == "heading":
        return f"h{(node.get('attrs') or {}).get('level', 1)}. {_inline(children)}"
    if kind in ("bulletList", "orderedList"):
        sign = prefix + ("*" if kind == "bulletList" else "#")
        return "\n".join(_item(child.get("content") or [], sign) for child in children)
    if kind == "codeBlock":
        return "{code}" + _inline(children) + "{code}"
    if kind == "rule":
        return "----"
    if kind == "paragraph":
        return _inline(children)
    if children:
        return _blocks(children, prefix)
    return _inline([node])


def _item(children: list[Any], sign: str) -> str:
    lines = []
    for child in children:
        nested = child.get("type") in ("bulletList", "orderedList")
        lines.append(_block(child, sign) if nested else f"{sign} {_block(child, sign)}")
    return "\n".join(lines)


def _inline(nodes: list[Any]) -> str:
    return "".join(_run(node) for node in nodes)


def _run(node: dict[str, Any]) -> str:
    kind, attrs = node.get("type"), node.get("attrs") or {}
    if kind == "text":
        return _marked(str(node.get("text", "")), node.get("marks") or [])
    if kind == "hardBreak":
        return "\n"
    if kind == "mention":
        return f"[~accountid:{attrs.get('id', '')}]"
    if kind == "emoji":
        return str(attrs.get("text") or attrs.get("shortName") or "")
    if kind in ("inlineCard", "blockCard"):
        return f"[{attrs.get('url', '')}]"
    return _inline(node.get("content") or []) or str(attrs.get("text", ""))


def _marked(text: str, marks: list[Any]) -> str:
    for mark in marks:
        kind = mark.get("type")
        if kind == "link":
            text = f"[{text}|{(mark.get('attrs') or {}).get('href', '')}]"
        elif kind == "code":
            text = "{{" + text + "}}"
        elif kind in _MARKS:
            text = f"{_MARKS[kind]}{text}{_MARKS[kind]}"
    return text
