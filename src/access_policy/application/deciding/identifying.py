"""Resolve a presented identifier to the pseudonymous form in which the registry holds it."""

from __future__ import annotations

from itertools import chain

from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.secrets import Pseudonyms, refs_of
from access_policy.domain.access.identifier_rules import uses_pins
from access_policy.domain.identifiers import Identifier, IdentifierRef
from access_policy.domain.ids import TenantId
from access_policy.domain.reservations.book import ReservationBook


class IdentifierResolver:
    def __init__(self, view: DecisionView, pseudonyms: Pseudonyms) -> None:
        self._view = view
        self._pseudonyms = pseudonyms

    def of_attempt(self, attempt: AccessAttempt) -> IdentifierRef | None:
        """Return the attempt's identifier in the reading of the tag that a vehicle, or a reservation of the depot,
        holds. An unknown identifier that may be a PIN typed at a depot that uses PINs shows none of its digits."""
        presented = attempt.identifier
        if presented is None:
            return None
        registry = self._view.registry(attempt.tenant_id)
        first = self._pseudonyms.ref(attempt.tenant_id, presented)
        if registry.holder_of(first) is not None:
            return first
        refs, book = refs_of(self._pseudonyms, attempt.tenant_id, presented), self._book(attempt)
        of_vehicle = (each for each in refs if registry.holder_of(each) is not None)
        of_reservation = (each for each in refs if book.entries.is_held_by(each))
        if (held := next(chain(of_vehicle, of_reservation), None)) is not None:
            return held
        return first.hidden() if presented.may_be_a_pin and self._uses_pins(attempt, book) else first

    def held_as(self, tenant_id: TenantId, presented: Identifier) -> IdentifierRef:
        """Return the reading under which a vehicle holds the identifier; the first reading if no vehicle does."""
        registry = self._view.registry(tenant_id)
        first = self._pseudonyms.ref(tenant_id, presented)
        if registry.holder_of(first) is not None:
            return first
        return registry.held_as(refs_of(self._pseudonyms, tenant_id, presented))

    def _book(self, attempt: AccessAttempt) -> ReservationBook:
        settings = self._view.charger(attempt.tenant_id, attempt.charger_id).policy.settings
        return self._view.book(attempt.tenant_id, settings.depot_id)

    def _uses_pins(self, attempt: AccessAttempt, book: ReservationBook) -> bool:
        depot = self._view.depot(attempt.tenant_id, book.depot_id)
        return book.entries.codes > 0 or uses_pins(depot, self._view.registry(attempt.tenant_id))
