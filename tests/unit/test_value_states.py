"""The same content has the same state in ADF, wiki markup, HTML and plain text: a table of contents in all four."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from capa_sync.mapping.people import NOBODY
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.texts import squash
from capa_sync.mapping.values import converter
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.values import Raw, Value, ValueState
from capa_sync.sources.jira.values import field_value, history_value
from capa_sync.sources.servicenow.markup import markup_value

PEOPLE = PeopleDirectory("any", NOBODY, (), (), ())
EMPTY, PLACEHOLDER, FILLED = ValueState.EMPTY, ValueState.PLACEHOLDER, ValueState.FILLED

Node = dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """One content as the four forms write it."""

    adf: list[Node]
    wiki: str
    html: str
    plain: str


def text(words: str, *marks: str) -> Node:
    """Return an ADF text node."""
    return {"type": "text", "text": words, **({"marks": [{"type": mark} for mark in marks]} if marks else {})}


def node(kind: str, *content: Node, **attrs: Any) -> Node:
    """Return an ADF node."""
    return {"type": kind, "attrs": attrs, "content": list(content)}


def para(words: str, *marks: str) -> Node:
    """Return a paragraph; without words it has no content, as the editor stores it."""
    return node("paragraph", text(words, *marks)) if words else node("paragraph")


def marked(mark: str, wiki: str, tag: str) -> Callable[[str], Piece]:
    """Return a maker of words in one inline mark; an empty mark is nothing at all."""

    def make(words: str) -> Piece:
        shown = f"{wiki}{words}{wiki}" if words.strip() else words
        return Piece([para(words, mark)], shown, f"<p><{tag}>{words}</{tag}></p>", words)

    return make


def listed(kind: str, sign: str, tag: str, plain: str) -> Callable[[str], Piece]:
    """Return a maker of one list item."""
    return lambda words: Piece(
        [node(kind, node("listItem", para(words)))],
        f"{sign} {words}",
        f"<{tag}><li>{words}</li></{tag}>",
        f"{plain} {words}",
    )


def numbered(number: str) -> Callable[[str], Piece]:
    """Return a maker of one numbered item, of which plain text shows the number; an empty item is nothing."""
    return lambda words: Piece(
        [node("orderedList", node("listItem", para(words)))],
        f"# {words}",
        f"<ol><li>{words}</li></ol>",
        f"{number} {words}" if words.strip("\u00a0") else "",
    )


def numbered_row(number: str) -> Callable[[str], Piece]:
    """Return a maker of a row whose first cell is its number, as in a table of whys; nothing without words."""

    def make(words: str) -> Piece:
        if not words.strip("\u00a0"):
            return Piece([para(words)], words, f"<p>{words}</p>", words)
        row = [node("tableCell", para(shown)) for shown in (number, words)]
        table = f"<table><tr><td>{number}</td><td>{words}</td></tr></table>"
        return Piece([node("table", node("tableRow", *row))], f"|{number}|{words}|", table, f"{number}\t{words}")

    return make


def beside_an_icon(wiki: str, plain: str, *, behind: bool = False) -> Callable[[str], Piece]:
    """Return a maker of words with an icon before or behind them; nothing without words."""

    def make(words: str) -> Piece:
        if not words.strip("\u00a0"):
            return Piece([para(words)], words, f"<p>{words}</p>", words)
        icon = node("emoji", shortName=":icon:", text=plain)
        nodes = [text(f"{words} "), icon] if behind else [icon, text(f" {words}")]
        marks = [f"{words} {sign}" if behind else f"{sign} {words}" for sign in (wiki, plain)]
        return Piece([node("paragraph", *nodes)], marks[0], f"<p>{marks[1]}</p>", marks[1])

    return make


def blocks(mark: str, *, around: str = "", kind: str = "panel") -> Callable[[str], Piece]:
    """Return a maker of two blocks that wiki markup has on one line."""
    return lambda words: Piece(
        [node(kind, para(words)), node(kind, para(words))],
        f"{around}{{{mark}}}{words}{{{mark}}}{{{mark}}}{words}{{{mark}}}{around}",
        f"<div>{words}</div><div>{words}</div>",
        f"{words}\n{words}",
    )


def cells(kind: str, bar: str, tag: str, count: int) -> Callable[[str], Piece]:
    """Return a maker of one row's cells with the same text."""
    return lambda words: Piece(
        [node("table", node("tableRow", *[node(kind, para(words)) for _ in range(count)]))],
        bar + bar.join([words] * count) + bar,
        f"<table><tbody><tr>{f'<{tag}>{words}</{tag}>' * count}</tr></tbody></table>",
        "\t".join([words] * count),
    )


def in_a_cell(*blocks: Node) -> list[Node]:
    """Return a table of one cell."""
    return [node("table", node("tableRow", node("tableCell", *blocks)))]


WRAPPINGS: dict[str, Callable[[str], Piece]] = {
    "paragraph": lambda words: Piece([para(words)], words, f"<p>{words}</p>", words),
    "bold": marked("strong", "*", "strong"),
    "italic": marked("em", "_", "em"),
    "underlined": marked("underline", "+", "u"),
    "struck": marked("strike", "-", "s"),
    "raised": marked("subsup", "^", "sup"),
    "quoted inline": marked("em", "??", "cite"),
    "struck, in braces": marked("strike", "{-}", "s"),
    "raised, in braces": marked("subsup", "{^}", "sup"),
    "lowered, in braces": marked("subsup", "{~}", "sub"),
    "quoted inline, in braces": marked("em", "{??}", "cite"),
    "bold and italic": lambda words: Piece(
        [para(words, "strong", "em")],
        f"*_{words}_*" if words.strip() else words,
        f"<p><b><i>{words}</i></b></p>",
        words,
    ),
    "monospaced": lambda words: Piece(
        [para(words, "code")],
        f"{{{{{words}}}}}" if words.strip() else words,
        f"<p><code>{words}</code></p>",
        words,
    ),
    "coloured": lambda words: Piece(
        [para(words, "textColor")],
        f"{{color:#ff5630}}{words}{{color}}",
        f'<p><span style="color: red">{words}</span></p>',
        words,
    ),
    "link": lambda words: Piece(
        [para(words, "link")],
        f"[{words}|https://wiki.example/page]" if words.strip() else words,
        f'<p><a href="https://wiki.example/page">{words}</a></p>',
        words,
    ),
    "smart link mark": lambda words: Piece(
        [para(words, "link")],
        f"[{words}|https://wiki.example/page|smart-link]" if words.strip() else words,
        f'<a href="https://wiki.example/page">{words}</a>',
        words,
    ),
    "heading": lambda words: Piece(
        [node("heading", *para(words)["content"], level=2)], f"h2. {words}", f"<h2>{words}</h2>", words
    ),
    "quote": lambda words: Piece(
        [node("blockquote", para(words))], f"bq. {words}", f"<blockquote>{words}</blockquote>", words
    ),
    "quote as in a mail": lambda words: Piece(
        [node("blockquote", para(words))], f"bq. {words}", f"<blockquote>{words}</blockquote>", f"> {words}"
    ),
    "quote over lines": lambda words: Piece(
        [node("blockquote", para(words))],
        f"{{quote}}\n{words}\n{{quote}}",
        f"<blockquote><p>{words}</p></blockquote>",
        f"\n{words}\n",
    ),
    "panel": lambda words: Piece(
        [node("panel", para(words), panelType="info")],
        f"{{panel:bgColor=#deebff}}\n{words}\n{{panel}}",
        f'<div class="panel"><p>{words}</p></div>',
        words,
    ),
    "the title of a panel": lambda words: Piece(
        [para(words), node("panel", para(""))],
        f"{{panel:borderStyle=dashed|title={words}|bgColor=#fff}}{{panel}}",
        f"<div><b>{words}</b></div><div></div>",
        words,
    ),
    "the title of a note": lambda words: Piece(
        [para(words), node("panel", para(words))],
        f"{{note:title={words}}}{words}{{note}}",
        f"<div>{words}</div><div>{words}</div>",
        f"{words}\n{words}",
    ),
    "code": lambda words: Piece(
        [node("codeBlock", *para(words)["content"])],
        f"{{code:java}}{words}{{code}}",
        f"<pre><code>{words}</code></pre>",
        words,
    ),
    "bullet": listed("bulletList", "*", "ul", "•"),
    "bullet with a star": listed("bulletList", "*", "ul", "*"),
    "bullet with a dash": lambda words: Piece(
        [node("bulletList", node("listItem", para(words)))],
        f"- {words}" if words.strip("\u00a0") else "* ",
        f"<ul><li><p>{words}</p></li></ul>",
        f"- {words}" if words.strip("\u00a0") else "",
    ),
    "numbered item": listed("orderedList", "#", "ol", "1."),
    "numbered with a bracket": listed("orderedList", "#", "ol", "1)"),
    "numbered by three levels": numbered("1.1.1"),
    "numbered by three levels and a full stop": numbered("2.10.3."),
    "numbered in Roman letters": numbered("ii."),
    "numbered in Roman capitals": numbered("XIV)"),
    "numbered in brackets": numbered("(1)"),
    "numbered by a letter in brackets": numbered("(b)"),
    "numbered in Roman letters in brackets": numbered("(iii)"),
    "bullet in a bullet": lambda words: Piece(
        [node("bulletList", node("listItem", para(""), node("bulletList", node("listItem", para(words)))))],
        f"* \n** {words}",
        f"<ul><li><ul><li>{words}</li></ul></li></ul>",
        f"•\n  • {words}",
    ),
    "two items": lambda words: Piece(
        [node("bulletList", node("listItem", para(words)), node("listItem", para(words)))],
        f"* {words}\n* {words}",
        f"<ul>\n<li>{words}</li>\n<li>{words}</li>\n</ul>",
        f"* {words}\n* {words}",
    ),
    "task": lambda words: Piece(
        [node("taskList", node("taskItem", *para(words)["content"], state="TODO"))],
        f"* {words}",
        f'<ul><li><input type="checkbox">{words}</li></ul>',
        f"[ ] {words}",
    ),
    "cell": cells("tableCell", "|", "td", 1),
    "two cells": cells("tableCell", "|", "td", 2),
    "heading cell": cells("tableHeader", "||", "th", 1),
    "two heading cells": cells("tableHeader", "||", "th", 2),
    "two rows": lambda words: Piece(
        [node("table", *[node("tableRow", node("tableCell", para(words))) for _ in range(2)])],
        f"| {words} |\n| {words} |",
        f"<table><tr><td>{words}</td></tr><tr><td>{words}</td></tr></table>",
        f"{words}\n{words}",
    ),
    "two cells between bars in plain text": lambda words: Piece(
        [node("table", node("tableRow", *[node("tableCell", para(words)) for _ in range(2)]))],
        f"| {words} | {words} |",
        f"<table><tr><td>{words}</td><td>{words}</td></tr></table>",
        f"| {words} | {words} |",
    ),
    "a row with its number": numbered_row("2"),
    "a bullet in a cell": lambda words: Piece(
        [node("table", node("tableRow", node("tableCell", node("bulletList", node("listItem", para(words))))))],
        f"|* {words}|",
        f"<table><tr><td><ul><li>{words}</li></ul></td></tr></table>",
        f"• {words}",
    ),
    "two bullets in a cell": lambda words: Piece(
        in_a_cell(node("bulletList", node("listItem", para(words)), node("listItem", para(words)))),
        f"|* {words}\n* {words}|",
        f"<table><tr><td><ul><li>{words}</li><li>{words}</li></ul></td></tr></table>",
        f"• {words}\n• {words}",
    ),
    "a bullet in a bullet in a cell": lambda words: Piece(
        in_a_cell(
            node("bulletList", node("listItem", para(words), node("bulletList", node("listItem", para(words)))))
        ),
        f"|* {words}\n** {words}|",
        f"<table><tr><td><ul><li>{words}<ul><li>{words}</li></ul></li></ul></td></tr></table>",
        f"• {words}\n  • {words}",
    ),
    "a numbered item and a paragraph in a cell": lambda words: Piece(
        in_a_cell(node("orderedList", node("listItem", para(words))), para(words)),
        f"|# {words}\n\n{words}|",
        f"<table><tr><td><ol><li>{words}</li></ol><p>{words}</p></td></tr></table>",
        f"1. {words}\n{words}",
    ),
    "two tasks in a cell": lambda words: Piece(
        in_a_cell(node("taskList", *[node("taskItem", *para(words)["content"], state="TODO") for _ in range(2)])),
        f"|* {words}\n* {words}|",
        f'<table><tr><td><ul><li><input type="checkbox">{words}</li><li>{words}</li></ul></td></tr></table>',
        f"[ ] {words}\n[ ] {words}",
    ),
    "two paragraphs in a cell": lambda words: Piece(
        in_a_cell(para(words), para(words)),
        f"|{words}\n\n{words}|",
        f"<table><tr><td><p>{words}</p><p>{words}</p></td></tr></table>",
        f"{words}\n\n{words}",
    ),
    "two paragraphs in each of two cells": lambda words: Piece(
        [node("table", node("tableRow", *[node("tableCell", para(words), para(words)) for _ in range(2)]))],
        f"|{words}\n{words}|{words}\n{words}|",
        f"<table><tr><td><p>{words}</p><p>{words}</p></td><td><p>{words}</p><p>{words}</p></td></tr></table>",
        f"{words}\n{words}\t{words}\n{words}",
    ),
    "two paragraphs in a heading cell": lambda words: Piece(
        [node("table", node("tableRow", node("tableHeader", para(words), para(words))))],
        f"||{words}\n{words}||",
        f"<table><tr><th><p>{words}</p><p>{words}</p></th></tr></table>",
        f"{words}\n{words}",
    ),
    "a line break in a cell": lambda words: Piece(
        in_a_cell(node("paragraph", *para(words)["content"], {"type": "hardBreak"}, *para(words)["content"])),
        f"|{words}\\\\\n{words}|",
        f"<table><tr><td>{words}<br>{words}</td></tr></table>",
        f"{words}\n{words}",
    ),
    "a heading and a paragraph in a cell": lambda words: Piece(
        in_a_cell(node("heading", *para(words)["content"], level=2), para(words)),
        f"|h2. {words}\n{words}|",
        f"<table><tr><td><h2>{words}</h2><p>{words}</p></td></tr></table>",
        f"{words}\n{words}",
    ),
    "a quote and a ruler in a cell": lambda words: Piece(
        in_a_cell(node("blockquote", para(words)), node("rule"), para(words)),
        f"|bq. {words}\n----\n{words}|",
        f"<table><tr><td><blockquote>{words}</blockquote><hr>{words}</td></tr></table>",
        f"{words}\n----\n{words}",
    ),
    "a table in a cell": lambda words: Piece(
        in_a_cell(*in_a_cell(para(words), para(words))),
        f"|{words}\n{words}|",
        f"<table><tr><td><table><tr><td><p>{words}</p><p>{words}</p></td></tr></table></td></tr></table>",
        f"{words}\n{words}",
    ),
    "two paragraphs": lambda words: Piece(
        [para(words), para(words)], f"{words}\n\n{words}", f"<p>{words}</p><p>{words}</p>", f"{words}\n\n{words}"
    ),
    "many paragraphs": lambda words: Piece(
        [para(words) for _ in range(30)],
        "\n\n".join([words] * 30),
        f"<p>{words}</p>" * 30,
        "\n\n".join([words] * 30),
    ),
    "a line break after": lambda words: Piece(
        [node("paragraph", *para(words)["content"], {"type": "hardBreak"})],
        f"{words}\\\\",
        f"<p>{words}<br></p>",
        f"{words}\n",
    ),
    "a line break between": lambda words: Piece(
        [node("paragraph", *para(words)["content"], {"type": "hardBreak"}, *para(words)["content"])],
        f"{words}\\\\\n{words}",
        f"{words}<br />{words}",
        f"{words}\n{words}",
    ),
    "a ruler below": lambda words: Piece(
        [para(words), node("rule")], f"{words}\n----", f"<p>{words}</p><hr>", f"{words}\n----"
    ),
    "expand": lambda words: Piece([node("expand", para(words))], words, f"<div>{words}</div>", words),
    "expand without a title": lambda words: Piece(
        [node("expand", para(words), title="")],
        f"{{expand}}\n{words}\n{{expand}}",
        f"<details><summary></summary><p>{words}</p></details>",
        words,
    ),
    "the title of an expand": lambda words: Piece(
        [node("expand", para(""), title=words)],
        f"{{expand:title={words}}}{{expand}}",
        f"<details><summary>{words}</summary></details>",
        words,
    ),
    "the title and the body of an expand in a cell": lambda words: Piece(
        in_a_cell(node("nestedExpand", para(words), title=words)),
        f"|{{expand:{words}|id=7}}{words}{{expand}}|",
        f"<table><tr><td><details><summary>{words}</summary>{words}</details></td></tr></table>",
        f"{words}\n{words}",
    ),
    "two columns": blocks("column", around="{section}", kind="layoutColumn"),
    "two quotes on a line": blocks("quote", kind="blockquote"),
    "two panels on a line": blocks("panel:bgColor=#deebff"),
    "two panels in two cells": lambda words: Piece(
        [node("table", node("tableRow", *[node("tableCell", node("panel", para(words))) for _ in range(2)]))],
        f"|{{panel}}{words}{{panel}}|{{panel}}{words}{{panel}}|",
        f"<table><tr><td><div>{words}</div></td><td><div>{words}</div></td></tr></table>",
        f"{words}\t{words}",
    ),
    "a quote behind a line": lambda words: Piece(
        [para(words), node("blockquote", para(words))],
        f"{words}{{quote}}{words}{{quote}}",
        f"<p>{words}</p><blockquote>{words}</blockquote>",
        f"{words}\n{words}",
    ),
    "a colour behind an anchor": lambda words: Piece(
        [para(words, "textColor")],
        f"{{anchor:top}}{{color:red}}{words}{{color}}",
        f'<p><a name="top"></a><font color="red">{words}</font></p>',
        words,
    ),
    "a table of contents above": lambda words: Piece(
        [node("extension", extensionKey="toc"), para(words)], f"{{toc:maxLevel=2}}\n{words}", f"<p>{words}</p>", words
    ),
    "a status": lambda words: Piece(
        [node("paragraph", node("status", text=words, color="green"))],
        f"*{{color:#00875a}}[ {words} ]{{color}}*" if words.strip("\u00a0") else words,
        f"<p><span>{words}</span></p>",
        words,
    ),
    "an icon before": beside_an_icon("(!)", "⚠"),
    "an icon before, as emoji": beside_an_icon("(/)", "✔\ufe0f"),
    "an icon behind": beside_an_icon("(-)", "⛔", behind=True),
    "an icon of two characters before": beside_an_icon("🚧", "👷🏽\u200d♀️"),
    "an arrow before": beside_an_icon("→", "→"),
    "two lines of source": lambda words: Piece(
        [para(words), para(words)],
        f"{words}\n{words}",
        f"<div>\n{words}\n</div>\n<div>\n  {words}</div>\n",
        f"{words}\n{words}",
    ),
    "two cells of indented source": lambda words: Piece(
        [node("table", node("tableRow", *[node("tableCell", para(words)) for _ in range(2)]))],
        f"|{words}|{words}|",
        f"<table>\n <tr>\n  <td>{words}</td>\n  <td>{words}</td>\n </tr>\n</table>",
        f"{words}\t{words}",
    ),
    "two lines of code": lambda words: Piece(
        [node("codeBlock", text(f"{words}\n{words}"))],
        f"{{noformat}}{words}\n{words}{{noformat}}",
        f"<pre>\n{words}\n{words}</pre>",
        f"{words}\n{words}",
    ),
    "two centred lines": lambda words: Piece(
        [para(words), para(words)],
        f"{words}\n{words}",
        f"<title>A page</title><center>{words}</center><center>{words}</center>",
        f"{words}\n{words}",
    ),
    "entities": lambda words: Piece(
        [para(f"\u00a0{words}\u00a0")], f"&nbsp;{words}&#160;", f"<p>&nbsp;{words}&#160;</p>", f"\u00a0{words}\u00a0"
    ),
}
CONTENTS: dict[str, ValueState] = {
    "": EMPTY,
    "\u00a0": EMPTY,
    "TBD": PLACEHOLDER,
    "n/a": PLACEHOLDER,
    "see above": PLACEHOLDER,
    "To be determined.": PLACEHOLDER,
    "Nobody owned the list of leavers": FILLED,
    "AC-03": FILLED,
}
PICTURE = [node("mediaSingle", node("media", id="1"))]
ICONS = (
    *("(/)", "(x)", "(!)", "(?)", "(+)", "(-)", "(*)", "(*r)", "(*g)", "(*b)", "(*y)", "(i)", "(y)", "(n)", "(on)"),
    *("(off)", "(flag)", "(flagoff)", ":)", ":(", ":P", ":D", ";)", ":warning:", "⚠", "✅", "1\ufe0f\u20e3", "ℹ️"),
    *("ℹ", "Ⓜ"),
)
OTHERS: dict[str, tuple[ValueState, Piece]] = {
    "no content at all": (EMPTY, Piece([], "", "", "")),
    "a ruler": (EMPTY, Piece([node("rule")], "----", "<hr>", "----")),
    "a space of an entity": (EMPTY, Piece([para("\u00a0")], "&nbsp;", "<p>&nbsp;</p>", "&nbsp;")),
    "a zero-width space": (EMPTY, Piece([para("\u200b")], "\u200b", "<p>&#8203;</p>", "\u200b")),
    "signs of Korean that nobody sees": (
        EMPTY,
        Piece([para("\u3164 \uffa0")], "\u3164\u115f", "<p>\u3164&#4448;</p>", "\u3164\uffa0"),
    ),
    "an invisible sign beside a placeholder": (
        PLACEHOLDER,
        Piece([para("TBD\u3164")], "TBD\u3164", "<p>TBD\u3164</p>", "TBD\u3164"),
    ),
    "a template of a page": (EMPTY, Piece([], "", "<template><p>Nobody owned it</p></template>", "")),
    "numbers in a row": (
        FILLED,
        Piece(
            [node("table", node("tableRow", node("tableCell", para("5")), node("tableCell", para("7"))))],
            "|5|7|",
            "<table><tr><td>5</td><td>7</td></tr></table>",
            "5\t7",
        ),
    ),
    "a dash": (PLACEHOLDER, Piece([para("-")], "-", "<p>-</p>", "-")),
    "a long dash, which wiki markup writes as three": (PLACEHOLDER, Piece([para("—")], "---", "<p>—</p>", "—")),
    "three dashes": (PLACEHOLDER, Piece([para("---")], "---", "<p>---</p>", "---")),
    "different placeholders in a cell": (
        PLACEHOLDER,
        Piece(
            in_a_cell(node("paragraph", text("TBD"), {"type": "hardBreak"}, text("n/a")), para("see above")),
            "|TBD\\\\\nn/a\n\nsee above|",
            "<table><tr><td><p>TBD<br>n/a</p><p>see above</p></td></tr></table>",
            "TBD\nn/a\n\nsee above",
        ),
    ),
    "two placeholders and a line break on one line": (
        PLACEHOLDER,
        Piece(
            [node("paragraph", text("TBD"), {"type": "hardBreak"}, text("n/a"))],
            r"TBD\\n/a",
            "<p>TBD<br>n/a</p>",
            "TBD\nn/a",
        ),
    ),
    "two placeholders and a line break in each of two cells": (
        PLACEHOLDER,
        Piece(
            in_a_cell(node("paragraph", text("TBD"), {"type": "hardBreak"}, text("n/a")), para("n/a"), para("TBD")),
            r"|TBD\\n/a|n/a\\TBD|",
            "<table><tr><td>TBD<br>n/a</td><td>n/a<br>TBD</td></tr></table>",
            "TBD\nn/a\tn/a\nTBD",
        ),
    ),
    "the path of a shared folder": (
        FILLED,
        Piece([para(r"\\none\no")], r"\\none\no", r"<p>\\none\no</p>", r"\\none\no"),
    ),
    "a placeholder and a real line in a cell": (
        FILLED,
        Piece(
            in_a_cell(para("TBD"), para("Rota lost")),
            "|TBD\n\nRota lost|",
            "<table><tr><td><p>TBD</p><p>Rota lost</p></td></tr></table>",
            "TBD\n\nRota lost",
        ),
    ),
    "a question mark": (PLACEHOLDER, Piece([para("?")], "?", "<p>?</p>", "?")),
    "a bracketed note": (
        PLACEHOLDER,
        Piece([para("[to be filled]")], r"\[to be filled\]", "<p>[to be filled]</p>", "[to be filled]"),
    ),
    "a note in angle brackets": (
        PLACEHOLDER,
        Piece([para("<root cause>")], "<root cause>", "<p>&lt;root cause&gt;</p>", "<root cause>"),
    ),
    "different placeholders in a row": (
        PLACEHOLDER,
        Piece(
            [node("table", node("tableRow", node("tableCell", para("TBD")), node("tableCell", para("n/a"))))],
            "|TBD|n/a|",
            "<table><tr><td>TBD</td><td>n/a</td></tr></table>",
            "TBD\tn/a",
        ),
    ),
    "a placeholder beside a word": (
        FILLED,
        Piece(
            [node("table", node("tableRow", node("tableCell", para("TBD")), node("tableCell", para("Rota lost"))))],
            "|TBD|Rota lost|",
            "<table><tr><td>TBD</td><td>Rota lost</td></tr></table>",
            "TBD\tRota lost",
        ),
    ),
    "a placeholder and a real line": (
        FILLED,
        Piece([para("TBD"), para("Rota lost")], "TBD\n\nRota lost", "<p>TBD</p><p>Rota lost</p>", "TBD\n\nRota lost"),
    ),
    "a thumb": (
        PLACEHOLDER,
        Piece([node("paragraph", node("emoji", shortName=":thumbsup:", text="👍"))], "(y)", "<p>👍</p>", "👍"),
    ),
    "a thumb by its name": (
        PLACEHOLDER,
        Piece([node("paragraph", node("emoji", shortName=":thumbsup:"))], "(y)", "<p>:thumbsup:</p>", ":thumbsup:"),
    ),
    **{
        f"the icon {name!r} {where} a placeholder": (
            PLACEHOLDER,
            Piece([para(shown)], shown, f"<p>{shown}</p>", shown),
        )
        for name in ICONS
        for where, shown in (("before", f"{name} n/a"), ("behind", f"See above. {name}"), ("alone as", name))
    },
    "two icons by name": (
        PLACEHOLDER,
        Piece(
            [node("paragraph", node("emoji", shortName=":one_thing:"), text(" "), node("emoji", shortName=":two:"))],
            ":one_thing: :two:",
            "<p>:one_thing: :two:</p>",
            ":one_thing: :two:",
        ),
    ),
    "a bracketed note behind an icon": (
        PLACEHOLDER,
        Piece(
            [node("paragraph", node("emoji", shortName=":w:", text="⚠"), text(" [to be filled]"))],
            r"(!) \[to be filled\]",
            "<p>⚠ [to be filled]</p>",
            "⚠ [to be filled]",
        ),
    ),
    **{
        f"{words!r}, which only looks decorated": (
            FILLED,
            Piece([para(words)], words, f"<p>{words}</p>", words),
        )
        for words in ("≠ none", "See step (i) n", "Valve:p", "10.2.1", "(i) Rota lost", "C:D", "Vixen", "Grade: D")
    },
    "a caption under a picture": (
        PLACEHOLDER,
        Piece(
            [node("mediaSingle", node("media", id="1"), node("caption", text("TBD")))],
            "!a.png!\nTBD",
            '<figure><img src="a.png"><figcaption>TBD</figcaption></figure>',
            "TBD",
        ),
    ),
    "a real caption under a picture": (
        FILLED,
        Piece(
            [node("mediaSingle", node("media", id="1"), node("caption", text("Rota lost")))],
            "!a.png!\nRota lost",
            '<figure><img src="a.png"><figcaption>Rota lost</figcaption></figure>',
            "Rota lost",
        ),
    ),
    "an expand whose title has the words": (
        FILLED,
        Piece(
            [node("expand", para("TBD"), title="Rota lost")],
            "{expand:title=Rota lost}TBD{expand}",
            "<details><summary>Rota lost</summary>TBD</details>",
            "Rota lost\nTBD",
        ),
    ),
    "a table of contents": (EMPTY, Piece([node("extension", extensionKey="toc")], "{toc}", "", "")),
    "a note in braces": (PLACEHOLDER, Piece([para("{cause}")], "{cause}", "<p>{cause}</p>", "{cause}")),
    "a line feed in a paragraph": (
        FILLED,
        Piece([para("TBD TBD")], "TBD TBD", "<p>TBD\nTBD</p>", "TBD TBD"),
    ),
    "a line feed that a style keeps": (
        PLACEHOLDER,
        Piece(
            [node("paragraph", text("TBD"), {"type": "hardBreak"}, text("n/a"))],
            "TBD\nn/a",
            '<p style="white-space: pre-wrap">TBD\nn/a</p>',
            "TBD\nn/a",
        ),
    ),
    "line feeds without any tag": (
        PLACEHOLDER,
        Piece([para("TBD"), para("n/a")], "TBD\nn/a", "TBD\nn/a", "TBD\nn/a"),
    ),
    "a tag in a hidden title": (
        PLACEHOLDER,
        Piece([para("TBD")], "TBD", "<title>a<title> <img></title>TBD", "TBD"),
    ),
    "an ampersand": (
        FILLED,
        Piece([para("R&D had no rota")], "R&amp;D had no rota", "<p>R&amp;D had no rota</p>", "R&D had no rota"),
    ),
    "a mention": (
        FILLED,
        Piece([node("paragraph", node("mention", id="7", text="@Ann"))], "[~Ann]", "<p>@Ann</p>", "@Ann"),
    ),
    "a bare address": (
        FILLED,
        Piece(
            [node("paragraph", node("inlineCard", url="https://wiki.example/page"))],
            "[https://wiki.example/page]",
            '<a href="https://wiki.example/page">https://wiki.example/page</a>',
            "https://wiki.example/page",
        ),
    ),
    "a task that wiki markup can only carry": (
        PLACEHOLDER,
        Piece(
            [node("taskList", node("taskItem", text("TBD"), state="TODO"))],
            '{adf:display=block}\n{"type":"taskList","content":[{"type":"taskItem",'
            '"content":[{"type":"text","text":"TBD"}]}]}\n{adf}',
            '<ul><li><input type="checkbox">TBD</li></ul>',
            "☐ TBD",
        ),
    ),
}
PIECES: dict[str, tuple[ValueState, Piece]] = OTHERS | {
    f"{name} of {words!r}": (state, wrap(words))
    for name, wrap in WRAPPINGS.items()
    for words, state in CONTENTS.items()
}


def document(piece: Piece) -> dict[str, Any]:
    """Return the ADF document of a piece."""
    return {"type": "doc", "version": 1, "content": piece.adf}


def readings(piece: Piece) -> dict[str, Raw | None]:
    """Return the piece as the reader of each form reads it."""
    return {
        "ADF": field_value("customfield_1", document(piece)),
        "wiki markup": field_value("customfield_1", piece.wiki),
        "wiki markup in the history": history_value("customfield_1", None, piece.wiki, {}),
        "HTML": markup_value(piece.html),
        "plain text": field_value("summary", piece.plain),
        "plain text of ServiceNow": Raw((piece.plain,), (), piece.plain),
    }


def states(name: str, piece: Piece) -> dict[str, Value]:
    """Return the canonical value of a field for each form."""
    convert = converter(FIELDS[name])
    return {form: convert(raw or Raw(), PEOPLE) for form, raw in readings(piece).items()}


def test_the_table_has_at_least_80_pieces() -> None:
    """Each piece is in the table in all four forms."""
    assert len(PIECES) >= 80


@pytest.mark.parametrize("name", PIECES)
def test_the_same_content_has_the_same_state_in_every_form(name: str) -> None:
    """Whether a tracker stores ADF, wiki markup, HTML or plain text decides no verdict."""
    state, piece = PIECES[name]
    found = {form: value.state.value for form, value in states("root_cause", piece).items()}
    assert found == dict.fromkeys(found, state.value)


@pytest.mark.parametrize("name", PIECES)
def test_a_list_field_is_filled_by_the_same_content_in_every_form(name: str) -> None:
    """A field that is cut into items has the same state in all forms, and is filled where a text is."""
    state, piece = PIECES[name]
    found = {form: value.is_filled for form, value in states("why_chain", piece).items()}
    assert found == dict.fromkeys(found, state is FILLED)


@pytest.mark.parametrize("name", [name for name, (state, _) in PIECES.items() if state is FILLED])
def test_the_same_content_is_the_same_but_for_markup(name: str) -> None:
    """Cloud's history is wiki markup and its field is ADF: two forms of one content are no change."""
    found = {form: squash(str(value.data)) for form, value in states("root_cause", PIECES[name][1]).items()}
    if "numbered" in name:  # a plain list shows its numbers, which the other forms draw
        plain, shown = found.pop("plain text"), found["HTML"]
        assert found.pop("plain text of ServiceNow") == plain
        assert plain.endswith(shown)
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize(
    ("wiki", "state"),
    [("!shot.png!", FILLED), ("!shot.png!\nTBD", PLACEHOLDER), ("[^log.txt]", FILLED), ("* !shot.png!", FILLED)],
)
def test_a_picture_fills_and_a_placeholder_beside_it_stays_one(wiki: str, state: ValueState) -> None:
    """The text besides a picture decides, in each form that can have one."""
    words = wiki.partition("\n")[2]
    adf = {"type": "doc", "content": [*PICTURE, *([para(words)] if words else [])]}
    html = f'<p><img src="x.png">{words}</p>'
    convert = converter(FIELDS["root_cause"])
    raws = (field_value("c", adf), field_value("c", wiki), markup_value(html))
    assert [convert(raw or Raw(), PEOPLE).state for raw in raws] == [state] * 3


def test_the_lines_of_a_cell_are_read_as_one_line_of_a_row() -> None:
    """Only the state sees them: what a person is shown has a blank there, and the rows stay rows."""
    convert = converter(FIELDS["root_cause"])
    row = [node("tableCell", para("Rota lost"), para("on leave")), node("tableCell", para("Ann"), para("Ben"))]
    found = field_value("c", {"type": "doc", "content": [node("table", node("tableRow", *row))]})
    assert convert(found or Raw(), PEOPLE).text == "Rota lost on leave\tAnn Ben"
    assert convert(found or Raw(), PEOPLE).data == "Rota lost on leave Ann Ben"
    placeholder = field_value("c", {"type": "doc", "content": in_a_cell(para("TBD"), para("n/a"))})
    assert convert(placeholder or Raw(), PEOPLE).text == "TBD n/a"
    assert converter(FIELDS["why_chain"])(found or Raw(), PEOPLE).text == "Rota lost on leave\tAnn Ben"
