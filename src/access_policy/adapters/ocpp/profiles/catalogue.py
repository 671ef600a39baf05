"""The profiles that always exist, from the files of this package, and those that a tenant's operators have defined.

An unknown or missing field in a file is an error at start.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from pydantic import ValidationError

from access_policy.adapters.ocpp.profiles.schema import PackagedProfile, ProfileBody, without_effect
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, Evidence
from access_policy.domain.ids import TenantId

PutByOperators = Callable[[TenantId], Mapping[str, str]]
"""The definitions of a tenant's own profiles by name, as JSON of the schema."""


class ProfileFileInvalid(Exception):
    """A profile file cannot be used; the message names the file and the field."""


class ProfileCatalogue:
    """Profiles by name (ports `CapabilityProfiles` and `ProfileNames`)."""

    def __init__(
        self, profiles: Iterable[CapabilityProfile], put_by_operators: PutByOperators = lambda tenant_id: {}
    ) -> None:
        self._by_name: Mapping[str, CapabilityProfile] = {profile.name: profile for profile in profiles}
        self._put_by_operators = put_by_operators

    @staticmethod
    def packaged(put_by_operators: PutByOperators = lambda tenant_id: {}) -> ProfileCatalogue:
        """Read all files of this package. Raises `ProfileFileInvalid`."""
        return ProfileCatalogue(_packaged(), put_by_operators)

    def get(self, tenant_id: TenantId, name: str) -> CapabilityProfile | None:
        always = self._by_name.get(name)
        if always is not None:
            return always
        definition = self._put_by_operators(tenant_id).get(name)
        return None if definition is None else _operators(name, definition)

    def knows(self, tenant_id: TenantId, name: str) -> bool:
        return self.get(tenant_id, name) is not None

    def always_exists(self, name: str) -> bool:
        return name in self._by_name

    def all(self, tenant_id: TenantId) -> tuple[CapabilityProfile, ...]:
        """Return all profiles, those that always exist first."""
        own = sorted(self._put_by_operators(tenant_id).items())
        return (*self._by_name.values(), *(_operators(name, definition) for name, definition in own))


@cache
def _packaged() -> tuple[CapabilityProfile, ...]:
    files = sorted(
        (file for file in resources.files(__package__).iterdir() if file.name.endswith(".toml")),
        key=lambda file: file.name,
    )
    return tuple(profile for file in files for profile in parse_profiles(file.read_text("utf-8"), file.name))


@lru_cache(maxsize=1_000)
def _operators(name: str, definition: str) -> CapabilityProfile:
    body = ProfileBody.model_validate_json(definition)
    return body.build(name, evidence=Evidence.OPERATOR, source="put by an operator")


def parse_profiles(text: str, file_name: str) -> list[CapabilityProfile]:
    """Read the `[[profile]]` tables of one file. Raises `ProfileFileInvalid`."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
        tables = [PackagedProfile.model_validate(table) for table in document["profile"]]
    except (tomllib.TOMLDecodeError, KeyError, ValueError) as error:
        where = (
            "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            if isinstance(error, ValidationError)
            else repr(error)
        )
        raise ProfileFileInvalid(f"{file_name}: {where}") from error
    for table in tables:
        for pointer, why in without_effect(table).items():
            raise ProfileFileInvalid(f"{file_name}: {table.name}: {pointer} {why}")
    return [table.build(table.name, evidence=Evidence(table.evidence), source=table.source) for table in tables]
