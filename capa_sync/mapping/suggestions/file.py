"""Writes a suggestion as a mapping file that loads: each proposal with its confidence and reason in a comment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from capa_sync.mapping.suggestions.names import Guess
from capa_sync.mapping.suggestions.propose import FieldProposal, Suggestion
from capa_sync.mapping.texts import fold
from capa_sync.model.amounts import count_of
from capa_sync.model.catalogue import FIELDS, FieldType
from capa_sync.model.patterns import PLAIN_NAME
from capa_sync.model.record import ActionOrigin
from capa_sync.model.site import FieldDef
from capa_sync.model.visible import one_line

LEAST = 0.5
"""Confidence from which a proposal is a line of the file; below, it is a comment."""
_TOGETHER = 0.8
"""Confidence from which several fields of one meaning are all places of it, in `first_of`."""
_YAML_WORDS = frozenset({"yes", "no", "true", "false", "on", "off", "y", "n", "null", "empty", ""})
_LONGEST_NAME = 250
_OTHERS = 60
"""Fields without a proposal that are listed at the end."""


def mapping_text(name: str, suggestion: Suggestion) -> str:
    """Return the file; `name` is that of the source, and becomes the name of the mapping."""
    seen = count_of(suggestion.tickets, "ticket")
    lines = [
        f"# Proposed by `capa-sync mapping suggest {one_line(name)}`, from the tracker's own lists and {seen}.",
        "# The number behind a line is the confidence, 0 to 1; from 0.8 on it is seldom wrong. Read every line:",
        "# correct what is not right, and add what is missing. Then: capa-sync mapping check, and capa-sync doctor.",
        "",
        f"mapping: {_scalar(name)}",
        f"kind: {suggestion.kind.name}",
        "",
        "record:",
        *_record(suggestion),
        "",
        *_stage(suggestion),
        "",
        *_actions(suggestion),
        *_people(name, suggestion),
        *_rest(suggestion),
    ]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """Return a text as YAML holds it, in quotes where it needs them."""
    text = one_line(text)[:_LONGEST_NAME].strip()
    if PLAIN_NAME.fullmatch(text) and text.casefold() not in _YAML_WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in quoted)


def _reference(field: FieldDef, suggestion: Suggestion) -> str:
    """Return how the mapping names a field: by an id that says something, else by its name where that is unique."""
    has_speaking_id = not any(map(str.isdigit, field.id))
    is_shared = fold(field.name) in suggestion.shared_names or not field.name.strip()
    return _scalar(field.id if has_speaking_id or is_shared else field.name)


def _why(guess: Guess) -> str:
    return f"  # {guess.confidence:.2f}: {one_line(guess.reason)}"


# --- record --------------------------------------------------------------------------------------------------------
def _record(suggestion: Suggestion) -> Iterator[str]:
    if not any(meant for proposal in suggestion.fields.get("track", ()) for _, meant in proposal.options):
        yield "  track: {constant: nonconformity}  # 0.60: no field tells nonconformities from other tickets"
    for name in FIELDS:
        proposals = suggestion.fields.get(name, ())
        if name == "track" and not any(meant for proposal in proposals for _, meant in proposal.options):
            continue
        chosen = [proposal for proposal in proposals if proposal.guess.confidence >= LEAST]
        if chosen:
            yield from _field(name, chosen, suggestion)
        for proposal in proposals[len(chosen) :]:
            yield f"  # {name}: {_reference(proposal.field, suggestion)}{_why(proposal.guess)}"


def _field(name: str, chosen: Sequence[FieldProposal], suggestion: Suggestion) -> Iterator[str]:
    best, others = chosen[0], chosen[1:]
    together = [proposal for proposal in chosen if proposal.guess.confidence >= _TOGETHER]
    if best.options:
        yield f"  {name}:{_why(best.guess)}"
        yield f"    field: {_reference(best.field, suggestion)}"
        yield from _options(name, best, "      ")
    elif len(together) > 1:
        places = ", ".join(_reference(proposal.field, suggestion) for proposal in together)
        yield f"  {name}: {{first_of: [{places}]}}{_why(best.guess)}; the first that is filled counts"
        others = chosen[len(together) :]
    else:
        yield f"  {name}: {_reference(best.field, suggestion)}{_why(best.guess)}"
    for proposal in others:
        yield f"  #   or {_reference(proposal.field, suggestion)}{_why(proposal.guess)}"


def _options(name: str, proposal: FieldProposal, indent: str) -> Iterator[str]:
    """Yield `values:` with the options that are known; the others are comments, for a person to decide."""
    spec = FIELDS[name]
    choices = ("yes", "no") if spec.type is FieldType.YESNO else spec.choices
    known: set[str] = set()
    lines = []
    for option, guess in proposal.options:
        if fold(option) in known:
            continue
        known.add(fold(option))
        if guess is not None and guess.confidence >= LEAST:
            lines.append((True, f"{indent}{_scalar(option)}: {_quoted(guess.meaning)}{_why(guess)}"))
        else:
            lines.append((False, f"{indent}# {_scalar(option)}: ?  # write one of {', '.join(choices)}, or empty"))
    if any(is_line for is_line, _ in lines):
        yield f"{indent[2:]}values:"
    yield from (line for _, line in lines)


def _quoted(word: str) -> str:
    return f'"{word}"' if word in {"yes", "no"} else word


# --- stage and actions ---------------------------------------------------------------------------------------------
def _stage(suggestion: Suggestion) -> Iterator[str]:
    proposals = suggestion.fields.get("stage", ())
    yield "stage:"
    field = _reference(proposals[0].field, suggestion) if proposals else "status"
    yield f"  field: {field}" + (_why(proposals[0].guess) if proposals else "")
    yield "  values:"
    held: list[str] = []
    is_listed = False
    for status in suggestion.statuses:
        name, guess = _scalar(status.name), status.guess
        if guess is not None and guess.meaning == "on_hold":
            held.append(name)
        elif guess is not None and (guess.confidence >= LEAST or not is_listed):
            is_listed = True
            yield f"    {name}: {guess.meaning}{_why(guess)}"
        else:
            advice = f"perhaps {guess.meaning}; {one_line(guess.reason)}" if guess is not None else "write its stage"
            yield f"    # {name}: ?  # {advice}; a ticket in a status that is not listed is quarantined"
    if not is_listed:
        yield "    Open: identified  # 0.00: no status is known; write yours"
    if held:
        yield f"  on_hold: [{', '.join(held)}]  # deadlines stand still here"
    sides: dict[str, dict[str, list[str]]] = {}
    for known, option, guess in suggestion.sides:
        sides.setdefault(guess.meaning, {}).setdefault(_reference(known, suggestion), []).append(_scalar(option))
    for meaning, places in sides.items():
        listed = ", ".join(f"{{field: {place}, is: [{', '.join(options)}]}}" for place, options in places.items())
        yield f"  {meaning}: [{listed}]"


def _actions(suggestion: Suggestion) -> Iterator[str]:
    origins = suggestion.kind.children.origins
    lines = [*_field_actions(suggestion)]
    if ActionOrigin.SUBTASK in origins:
        for child, guess in suggestion.subtasks:
            lines.append(f"  - {{from: subtask, types: [{_scalar(child.name)}], kind: {guess.meaning}}}{_why(guess)}")
    if ActionOrigin.LINK in origins:
        for child, guess in suggestion.links:
            if guess.meaning == "actions":
                lines.append(f"  - {{from: link, types: [{_scalar(child.name)}], kind: corrective}}{_why(guess)}")
    tables = [
        f"  # - {{from: child, table: {child.name}, reference: {child.reference}, kind: corrective, done: []}}"
        "  # list under `done` the states that mean finished"
        for child in suggestion.tables
    ]
    if lines or tables:
        yield "actions:" if any(line.startswith("  - ") for line in lines) else "# actions:"
        yield from lines
        yield from tables
        yield ""


def _field_actions(suggestion: Suggestion) -> Iterator[str]:
    done, evidence = (
        next((p for p in suggestion.fields.get(name, ()) if p.guess.confidence >= _TOGETHER), None)
        for name in ("done_at", "implementation_evidence")
    )
    for proposal in suggestion.fields.get("actions", ()):
        if proposal.guess.confidence < _TOGETHER:
            place = _reference(proposal.field, suggestion)
            yield f"  # - {{from: field, field: {place}, kind: corrective}}{_why(proposal.guess)}"
            continue
        yield f"  - from: field{_why(proposal.guess)}"
        yield f"    field: {_reference(proposal.field, suggestion)}"
        yield "    kind: corrective"
        if done is not None:
            yield f"    done_at: {_reference(done.field, suggestion)}{_why(done.guess)}"
        if evidence is not None:
            yield f"    evidence: {_reference(evidence.field, suggestion)}"
        yield "    inherit: [owner, due_at]"


# --- people and the rest -------------------------------------------------------------------------------------------
def _people(name: str, suggestion: Suggestion) -> Iterator[str]:
    if suggestion.bots:
        yield "# Accounts that look like no person. Take the sign away, and their changes count as nobody's:"
        yield f"# ignore_accounts: [{', '.join(_scalar(account.name) for account in suggestion.bots)}]"
        yield ""
    if suggestion.accounts:
        yield "# People seen. A file beside this one gives each one id over all systems (people: people.yaml):"
        yield "# people:"
        for account in suggestion.accounts:
            accounts = f"{{{_scalar(name)}: {_scalar(account.id)}}}"
            yield f"#   {_slug(account.name)}: {{name: {_scalar(account.name)}, accounts: {accounts}}}"
        yield ""


def _slug(name: str) -> str:
    return ".".join("".join(sign if sign.isalnum() else " " for sign in fold(one_line(name))).split()) or "person"


def _rest(suggestion: Suggestion) -> Iterator[str]:
    shown = [one_line(field.name)[:_LONGEST_NAME] for field in suggestion.others[:_OTHERS]]
    if shown:
        yield f"# Fields that nothing is proposed for: {'; '.join(shown)}"
