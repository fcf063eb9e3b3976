"""Builds the digest from the settings: its options, and the sender that knows the addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from capa_sync.errors import UserError
from capa_sync.model.digest import DigestOptions
from capa_sync.settings import Settings
from capa_sync.settings.digest_schema import WEEKDAYS
from capa_sync.settings.secrets import digest_address_of
from capa_sync.settings.units import parse_holidays
from capa_sync.wiring.configuration import Setup

if TYPE_CHECKING:
    from capa_sync.daemon.digesting import Digest


def digest_options(settings: Settings) -> DigestOptions:
    """Return what the settings say of the digest, without addresses."""
    own = settings.digest
    return DigestOptions(
        day=WEEKDAYS.index(own.day),
        at=own.at,
        quiet=own.quiet,
        weekends=own.weekends,
        leads=own.leads,
        targets={name: str(target.role) for name, target in own.targets.items()},
        has_mail=own.has_mail,
        timezone=settings.timezone,
        holidays=parse_holidays(list(settings.holidays)),
        public_url=settings.public_url,
    )


def build_digest(setup: Setup, environ: Mapping[str, str]) -> Digest | None:
    """Build the digest with its sender; None where nobody gets one.

    Raises UserError where an address is missing or cannot be read, or Apprise is not installed.
    """
    own = setup.settings.digest
    if not own.is_on:
        return None
    problems = []
    addresses: dict[str, str] = {}
    for name in (*own.targets, *([""] if own.has_mail else [])):
        try:
            addresses[name] = digest_address_of(setup.file, own, name, setup.folder, environ)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    from capa_sync.daemon.digesting import Digest
    from capa_sync.digest.sending import AppriseSender  # Apprise is an extra, and takes a while to import

    mail = addresses.pop("", "")
    return Digest(digest_options(setup.settings), AppriseSender(addresses, mail, str(setup.file)))
