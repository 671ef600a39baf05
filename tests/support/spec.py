"""Given a history, when a command, then exactly these events: how tests of aggregates read.

State is never set by hand: it is folded from the given events, and the outcome is folded again to see that replay is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from access_policy.domain.charge_points import claims
from access_policy.domain.charger_access_policy import policy
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.depots import depot
from access_policy.domain.depots.depot import Depot, DepotEvent
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargePointId
from access_policy.domain.reservations import book
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.events import ReservationEvent
from access_policy.domain.site_energy import site
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.domain.vehicle_registry import registry
from access_policy.domain.vehicle_registry.events import RegistryEvent
from access_policy.domain.vehicle_registry.registry import VehicleRegistry
from tests.support.builders import NORTH

State = TypeVar("State")
Decide = Callable[[Any], Iterable[Any]]


def given(*history: PolicyEvent) -> Given[ChargerAccessPolicy]:
    """A charger's policy with this history."""
    return Given(policy.fold, history)


def given_registry(*history: RegistryEvent) -> Given[VehicleRegistry]:
    return Given(registry.fold, history)


def given_depot(*history: DepotEvent) -> Given[Depot]:
    return Given(depot.fold, history)


def given_book(*history: ReservationEvent) -> Given[ReservationBook]:
    return Given(lambda events: book.fold(NORTH, events), history)


def given_site(*history: SiteEnergyEvent) -> Given[SiteEnergy]:
    return Given(lambda events: site.fold(NORTH, events), history)


def given_claim(charge_point_id: ChargePointId, *history: claims.ClaimEvent) -> Given[claims.Claim]:
    return Given(lambda events: claims.fold(charge_point_id, events), history)


@dataclass(frozen=True)
class Given(Generic[State]):
    fold: Callable[[Iterable[Any]], State | None]
    history: tuple[Any, ...]

    @property
    def state(self) -> Any:
        return self.fold(self.history)

    def when(self, decide: Decide) -> Outcome[State]:
        """`decide` gets the folded state (None without a history) and returns events or refuses."""
        before = self.fold(self.history)
        try:
            events = tuple(decide(before))
        except Refused as refusal:
            return Outcome(self, (), refusal, before)
        return Outcome(self, events, None, before)


@dataclass(frozen=True)
class Outcome(Generic[State]):
    given: Given[State]
    events: tuple[Any, ...]
    refusal: Refused | None
    before: Any

    def then(self, *expected: Any) -> Any:
        """Exactly these events. Returns the state after them."""
        assert self.refusal is None, f"refused: {self.refusal}"
        assert self.events == expected
        assert self.before == self.given.fold(self.given.history), "deciding changed the state"
        return self.given.fold((*self.given.history, *self.events))

    def then_nothing(self) -> None:
        self.then()

    def then_refused(self, error: type[Refused], *, pointer: str | None = None, says: str = "") -> None:
        """Refused with exactly this error, a text for people that holds `says`, and no event."""
        assert type(self.refusal) is error, f"got {self.refusal!r} and {self.events}"
        assert says in self.refusal.detail
        assert len(self.refusal.detail) > 10
        assert pointer is None or self.refusal.pointer == pointer
        assert self.before == self.given.fold(self.given.history), "a refused command changed the state"
