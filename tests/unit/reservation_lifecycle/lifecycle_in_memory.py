"""A depot in memory with the process manager of its reservations; restarted, doubled and cut from the store at will."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from access_policy.application.charging_sessions.reports import EndReport, StartReport
from access_policy.application.decision_view.view import TYPES, DecisionView
from access_policy.application.ports.event_store import EventStore
from access_policy.application.repositories.reservation_books import ReservationBooks
from access_policy.application.reservation_lifecycle.holder_charges import TYPES as CHARGE_TYPES
from access_policy.application.reservation_lifecycle.holder_charges import HolderCharges
from access_policy.application.reservation_lifecycle.recorder import OutcomeRecorder
from access_policy.application.streams import reservation_book_stream
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerId
from access_policy.domain.reservations.events import ReservationEvent
from tests.support.depot_in_memory import BAY, DEPOT, TENANT, DepotInMemory
from tests.support.following import AtOnce

KEY = (TENANT, DEPOT)


class Gateway:
    """The part of one gateway's memory that reservations' outcomes depend on, and their recorder."""

    def __init__(self, depot: DepotInMemory, store: EventStore) -> None:
        self.view, self.charges = DecisionView(), HolderCharges()
        self._of_view = AtOnce("view", store, self.view.follow, self.view.followed_to, types=TYPES)
        self._of_charges = AtOnce("charges", store, self.charges.follow, self.charges.followed_to, types=CHARGE_TYPES)
        books = ReservationBooks(store, self.view)
        self.outcomes = OutcomeRecorder(self.view, books, self.charges, self._of_charges, store, depot.clock)

    async def catch_up(self) -> None:
        await self._of_view.catch_up()
        await self._of_charges.catch_up()

    async def settle(self) -> None:
        """Follow the log, and look until nothing is due."""
        await self.catch_up()
        await self.outcomes.settle(KEY)


async def recorded(depot: DepotInMemory, *events: ReservationEvent) -> None:
    """Append to the book what a command would."""
    await depot.follow()
    version = depot.view.book(*KEY).version
    await depot.record(reservation_book_stream(*KEY), version, events)


async def started(
    depot: DepotInMemory, card: Identifier, transaction_id: str, *, at: datetime | None = None, **changes: Any
) -> None:
    """The charger reports the start of a charge; with `at` one that it had kept while it was offline."""
    values: dict[str, Any] = {
        "tenant_id": TENANT,
        "charger_id": BAY,
        "connector_id": 1,
        "identifier": card,
        "anonymous": False,
        "transaction_ids": (transaction_id,),
        "started_at": at or depot.clock.now(),
        "meter_start_wh": None,
        "offline": at is not None,
        "protocol": "ocpp2.0.1",
        "message_id": transaction_id,
        "signals": None,
    }
    await depot.sessions.start(StartReport(**(values | changes)))


async def stopped(depot: DepotInMemory, transaction_id: str, *, charger: ChargerId = BAY) -> None:
    report = EndReport(
        tenant_id=TENANT,
        charger_id=charger,
        transaction_id=transaction_id,
        ended_at=depot.clock.now(),
        meter_stop_wh=None,
        reason="Local",
    )
    await depot.sessions.end(report)


async def outcomes(depot: DepotInMemory) -> list[ReservationEvent]:
    """The events of the book so far."""
    return [each.event for each in await depot.store.load(reservation_book_stream(*KEY))]
