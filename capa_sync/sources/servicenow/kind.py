"""What is special about ServiceNow, for settings, mapping, hints and write-back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from capa_sync.kinds import BuildRequest, ChildTickets, Header, HintFormat, SourceKind, SourceOptions
from capa_sync.model.record import ActionOrigin
from capa_sync.model.signature import is_secret, is_signed
from capa_sync.model.write import WriteKind
from capa_sync.ports.reading import Parser, Source
from capa_sync.ports.writing import TicketWriter
from capa_sync.sources.servicenow.prevention import data_policy
from capa_sync.sources.servicenow.query import check_query

_SYS_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def _build(request: BuildRequest) -> tuple[Source, TicketWriter]:
    from capa_sync.sources.servicenow.build import build_requested

    return build_requested(request)


def _parser(source: str, url: str) -> Parser:
    from capa_sync.sources.servicenow.parse import ServiceNowParser

    return ServiceNowParser(source, url)


def _check(options: SourceOptions) -> str | None:
    return None if options.table else 'a servicenow source needs table = "…", for example "sn_grc_issue"'


def _is_genuine(secret: str, header: Header, body: bytes) -> bool:
    """Return whether a hint has our signature over its body, or the secret itself where none is made."""
    if signature := header("X-Capa-Sync-Signature"):
        return is_signed(secret, body, signature)
    return is_secret(secret, header("X-Capa-Sync-Secret"))


def _ids(payload: Mapping[str, Any]) -> Iterator[str]:
    """Yield the record's sys_id; its table is ignored, because the source knows which table it reads."""
    found = payload.get("sys_id")
    if isinstance(found, str) and _SYS_ID.fullmatch(found):
        yield found


SERVICENOW = SourceKind(
    name="servicenow",
    title="ServiceNow",
    build=_build,
    parser=_parser,
    auth_methods=("basic", "oauth-client-credentials", "api-key"),
    check=_check,
    check_query=check_query,
    channels=(WriteKind.FIELDS, WriteKind.WORK_NOTE),
    children=ChildTickets(
        origins=(ActionOrigin.CHILD,),
        text="short_description",
        owner="assigned_to",
        due_at="due_date",
        status="state",
        has_own_fields=True,
        parent_relation=ActionOrigin.CHILD,
        are_named=False,
    ),
    prevent=data_policy,
    hints=HintFormat(_is_genuine, _ids),
)
