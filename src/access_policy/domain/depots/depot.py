"""The aggregate Depot: what its chargers share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from access_policy.domain.errors import Invalid, Unknown
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import DepotId, checked_id, checked_name
from access_policy.domain.instants import zone

LANGUAGES = ("en", "de", "fr", "es", "nl")
EXCLUSIVE_KINDS = frozenset({IdentifierKind.MAC})  # unless the depot says otherwise
OVERRIDE_DAYS_MAX = 366


class DepotUnknown(Unknown):
    code = "depot-not-found"


class DepotInvalid(Invalid):
    code = "depot-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotSettings:
    """`language` is that of what drivers read; `longest_override_days` bounds every override at the depot.

    `identifier_kinds` are the kinds that identify a vehicle here (none named: all). An identifier of one of the
    `exclusive_kinds` charges at one charger at a time.
    """

    name: str
    time_zone: str
    language: str = "en"
    longest_override_days: int = 7
    identifier_kinds: frozenset[IdentifierKind] = field(default_factory=frozenset)
    exclusive_kinds: frozenset[IdentifierKind] = EXCLUSIVE_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotRegistered:
    TYPE: ClassVar = "depot.depot_registered.v1"
    depot_id: DepotId
    settings: DepotSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotAmended:
    """The depot's settings are these from now on."""

    TYPE: ClassVar = "depot.depot_amended.v1"
    depot_id: DepotId
    settings: DepotSettings


DepotEvent = DepotRegistered | DepotAmended


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    depot_id: DepotId
    settings: DepotSettings
    version: int

    @property
    def longest_override(self) -> timedelta:
        return timedelta(days=self.settings.longest_override_days)

    def put(self, settings: DepotSettings) -> tuple[DepotEvent, ...]:
        check(settings)
        return () if settings == self.settings else (DepotAmended(depot_id=self.depot_id, settings=settings),)


def register(depot_id: DepotId, settings: DepotSettings) -> tuple[DepotEvent, ...]:
    checked_id(depot_id, "depot_id")
    check(settings)
    return (DepotRegistered(depot_id=depot_id, settings=settings),)


def check(settings: DepotSettings) -> None:
    checked_name(settings.name)
    zone(settings.time_zone)
    if settings.language not in LANGUAGES:
        raise DepotInvalid(
            f"language {settings.language[:20]!r} is not one of {', '.join(LANGUAGES)}.", pointer="/language"
        )
    if not 1 <= settings.longest_override_days <= OVERRIDE_DAYS_MAX:
        raise DepotInvalid(f"longest_override_days takes 1 to {OVERRIDE_DAYS_MAX}.", pointer="/longest_override_days")


def evolve(depot: Depot | None, event: DepotEvent) -> Depot:
    return Depot(depot_id=event.depot_id, settings=event.settings, version=(depot.version if depot else 0) + 1)


def fold(events: Iterable[DepotEvent]) -> Depot | None:
    depot: Depot | None = None
    for event in events:
        depot = evolve(depot, event)
    return depot
