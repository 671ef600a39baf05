"""Tags that chargers send for their own freevend sessions; no vehicle may be registered with one.

A vehicle with such a tag would be billed for all freevend charging, and would give everyone access under managed
access.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.domain.capability_profiles.capabilities import REMOTE_START_TAG
from access_policy.domain.errors import Invalid
from access_policy.domain.identifiers import Identifier, IdentifierInvalid, IdentifierKind, identifier
from access_policy.domain.ids import TenantId

_Key = tuple[IdentifierKind, str]


class IdentifierIsFreevendTag(Invalid):
    code = "identifier-is-freevend-tag"


@dataclass(frozen=True, slots=True)
class FreevendTags:
    """The freevend tags of all capability profiles that a charger of the tenant may have."""

    profiles: CapabilityProfiles | None = None

    def check(self, tenant_id: TenantId) -> Callable[[Identifier], None]:
        """Return a check for new identifiers of vehicles, which raises `IdentifierIsFreevendTag`."""
        known = () if self.profiles is None else self.profiles.all(tenant_id)
        tags = {REMOTE_START_TAG, *(each.freevend_tag for each in known if each.freevend_tag is not None)}
        forbidden = _keys(frozenset(tags))

        def check(value: Identifier) -> None:
            if _key(value) in forbidden:
                raise IdentifierIsFreevendTag(
                    "This is the tag that chargers send for their own freevend sessions; it cannot identify a "
                    "vehicle. Register the vehicle's card, MAC or contract id.",
                    pointer="/identifier/value",
                )

        return check


OF_REMOTE_STARTS: Final = FreevendTags()


@lru_cache(maxsize=100)
def _keys(tags: frozenset[str]) -> frozenset[_Key]:
    return frozenset(key for tag in tags for kind in IdentifierKind for key in _spelled(kind, tag))


def _spelled(kind: IdentifierKind, tag: str) -> tuple[_Key, ...]:
    """Return nothing for a number plate: no charger reads one from a tag."""
    if kind is IdentifierKind.PLATE:
        return ()
    try:
        return (_key(identifier(kind, tag)),)
    except IdentifierInvalid:
        return ()


def _key(value: Identifier) -> _Key:
    return (value.kind, value.value.upper())
