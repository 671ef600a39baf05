"""The aggregate CapabilityProfile: an operator's description of what a charger model can do. The adapters parse it.

Source: design.md 2; `adapters.ocpp.profiles.schema` defines the schema of the definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from access_policy.domain.errors import Conflict, Invalid, Unknown

_NAME = re.compile(r"[a-z0-9][a-z0-9.\-]{0,63}")


class ProfileUnknown(Unknown):
    code = "profile-not-found"


class ProfileNameTaken(Conflict):
    """The name belongs to a built-in profile."""

    code = "profile-name-taken"


class ProfileInUse(Conflict):
    code = "profile-in-use"


class ProfileNameInvalid(Invalid):
    code = "profile-name-invalid"


class ProfileFieldWithoutEffect(Invalid):
    """A profile sets a field that has no effect."""

    code = "profile-field-without-effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityProfilePut:
    """An operator added or changed a profile. `definition` is JSON in the schema of profiles, validated before it was
    recorded.
    """

    TYPE: ClassVar = "capability_profile.capability_profile_put.v1"
    name: str
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityProfileRemoved:
    TYPE: ClassVar = "capability_profile.capability_profile_removed.v1"
    name: str


CapabilityProfileEvent = CapabilityProfilePut | CapabilityProfileRemoved


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorsProfile:
    """An operator's profile. `definition` is None before the first put and after a removal."""

    name: str
    definition: str | None = None
    version: int = 0

    def put(self, definition: str) -> tuple[CapabilityProfileEvent, ...]:
        """Raises `ProfileNameInvalid`."""
        if not _NAME.fullmatch(self.name):
            raise ProfileNameInvalid(
                "A profile's name has 1 to 64 of a-z, 0-9, dots and hyphens, and begins with a letter or digit.",
                pointer="/name",
            )
        if definition == self.definition:
            return ()
        return (CapabilityProfilePut(name=self.name, definition=definition),)

    def remove(self) -> tuple[CapabilityProfileEvent, ...]:
        """Raises `ProfileUnknown`."""
        if self.definition is None:
            raise ProfileUnknown(f"No operator has put a capability profile {self.name[:64]}.")
        return (CapabilityProfileRemoved(name=self.name),)


def fold(name: str, events: Iterable[CapabilityProfileEvent]) -> OperatorsProfile:
    profile = OperatorsProfile(name=name)
    for event in events:
        definition = event.definition if isinstance(event, CapabilityProfilePut) else None
        profile = replace(profile, definition=definition, version=profile.version + 1)
    return profile
