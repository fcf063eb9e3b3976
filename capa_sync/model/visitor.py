"""Who looks at the register: a name and a role, which decides what is shown and what may be done."""

from __future__ import annotations

from enum import StrEnum

from capa_sync.model.light import light


class AccessRole(StrEnum):
    """What somebody may see and do; each role may do all that the ones before it may."""

    READER = "reader"
    """Sees the register; texts of confidential tickets read `restricted`."""
    AUDITOR = "auditor"
    """Sees and exports everything."""
    ADMIN = "admin"
    """Uses the workshop: changes rules, and asks the daemon to carry out what changes the register."""

    @property
    def is_masked(self) -> bool:
        """Whether texts of confidential tickets are hidden."""
        return self is AccessRole.READER

    def may_act_as(self, needed: AccessRole) -> bool:
        """Return whether this role may do what another one may."""
        order = list(AccessRole)
        return order.index(self) >= order.index(needed)


@light
class Visitor:
    """Who asks for a page.

    Attributes:
        name: as given at the sign-in, best the person's id in the people file; "" for who did not sign in.
    """

    name: str = ""
    role: AccessRole = AccessRole.READER
