"""The JSON of the live stream's messages: the same as the items of the API's lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from pydantic import BaseModel

from access_policy.application.event_loop import cooperatively
from access_policy.application.live.messages import Rendered
from access_policy.application.live.subjects import Kind, Subject
from access_policy.application.ports.views import Row
from access_policy.application.registry_import.errors import ImportPlanUnknown
from access_policy.container import Container
from access_policy.domain.ids import ChargerKey, DepotId, ReservationId, TenantId
from access_policy.entrypoints.http.v1.access_event_models import AccessEvent
from access_policy.entrypoints.http.v1.charger_reader import ChargerReader
from access_policy.entrypoints.http.v1.energy_models import EnergyNow
from access_policy.entrypoints.http.v1.mode_changes import ModeChange
from access_policy.entrypoints.http.v1.registry_imports import import_head
from access_policy.entrypoints.http.v1.reservation_models import Reservation

ROWS_AT_A_TIME: Final = 50
CHARGERS_AT_A_TIME: Final = 20  # each with its timeline

Messages = dict[Subject, Rendered]


class StreamMessages:
    """Implements `Rendering`."""

    def __init__(self, container: Container, connected: Callable[[ChargerKey, Row], bool]) -> None:
        c = container
        self._views = c.read_side.views()
        self._chargers = ChargerReader(
            self._views, c.deciding.policies(), c.deciding.view(), c.deciding.profiles(), c.clock(), connected
        )
        self._view, self._gates, self._clock = c.deciding.view(), c.deciding.energy_gates(), c.clock()
        self._plan = c.queries.plan()
        self._connected = connected
        self._imports = c.commands.registry_imports  # opens record tables, which a stream without imports does not need

    async def render(self, tenant_id: TenantId, subjects: Sequence[Subject]) -> Messages:
        by_kind: defaultdict[Kind, list[Subject]] = defaultdict(list)
        for subject in subjects:
            by_kind[subject.kind].append(subject)
        found: Messages = {}
        for kind, of_kind in by_kind.items():
            match kind:
                case Kind.ATTEMPT:
                    found |= await self._attempts(tenant_id, of_kind)
                case Kind.MODE_CHANGE:
                    found |= await self._mode_changes(tenant_id, of_kind)
                case Kind.CHARGER:
                    found |= await self._charger_states(tenant_id, of_kind)
                case Kind.RESERVATION:
                    found |= await self._reservations(tenant_id, of_kind)
                case Kind.ENERGY:
                    found |= await self._energy(tenant_id, of_kind)
                case Kind.IMPORT:
                    found |= await self._import_progress(tenant_id, of_kind)
        return found

    async def _attempts(self, tenant_id: TenantId, subjects: Iterable[Subject]) -> Messages:
        rows = await self._views.attempts_of(tenant_id, {each.id for each in subjects})
        return {
            Subject(Kind.ATTEMPT, row["attempt_id"]): _rendered(AccessEvent.of(row), row)
            async for row in cooperatively(rows, at_a_time=ROWS_AT_A_TIME)
        }

    async def _mode_changes(self, tenant_id: TenantId, subjects: Iterable[Subject]) -> Messages:
        rows = await self._views.mode_changes_of(tenant_id, {(each.id, each.generation) for each in subjects})
        return {
            Subject(Kind.MODE_CHANGE, row["charger_id"], row["generation"]): _rendered(ModeChange.of(row), row)
            async for row in cooperatively(rows, at_a_time=ROWS_AT_A_TIME)
        }

    async def _charger_states(self, tenant_id: TenantId, subjects: Iterable[Subject]) -> Messages:
        rows = await self._views.chargers_of(tenant_id, {each.id for each in subjects})
        charging = await self._chargers.charging(tenant_id, rows)
        found: Messages = {}
        async for row in cooperatively(rows, at_a_time=CHARGERS_AT_A_TIME):
            if (status := await self._chargers.status(tenant_id, row, charging)) is not None:
                found[Subject(Kind.CHARGER, row["charger_id"])] = _rendered(status, row)
        return found

    async def _reservations(self, tenant_id: TenantId, subjects: Iterable[Subject]) -> Messages:
        placed = await self._plan.find(tenant_id, [ReservationId(each.id) for each in subjects])
        now = self._plan.clock.now()
        rows = await self._plan.expand(tenant_id, placed, self._connected)
        return {
            Subject(Kind.RESERVATION, row.entry.reservation.reservation_id): Rendered(
                Reservation.of(row, now).model_dump_json(by_alias=True).encode(),
                row.depot_id,
                row.entry.charger_id or row.entry.reservation.place.charger_id,
            )
            async for row in cooperatively(rows, at_a_time=ROWS_AT_A_TIME)
        }

    async def _energy(self, tenant_id: TenantId, subjects: Iterable[Subject]) -> Messages:
        """Render the energy of the depots that exist."""
        found: Messages = {}
        async for subject in cooperatively(list(subjects)):
            depot_id = DepotId(subject.id)
            if self._view.depot(tenant_id, depot_id) is not None:
                site, gates = self._view.site_energy(tenant_id, depot_id), self._gates.of_depot(tenant_id, depot_id)
                shown = EnergyNow.of(site, gates, self._clock.now())
                found[subject] = Rendered(shown.model_dump_json(by_alias=True).encode(), depot_id)
        return found

    async def _import_progress(self, tenant_id: TenantId, subjects: Iterable[Subject]) -> Messages:
        """Render the progress of imports. Events that were not caused by an import have a cause that is not a plan."""
        found: Messages = {}
        for subject in subjects:
            try:
                record = await self._imports().find(tenant_id, subject.id)
            except ImportPlanUnknown:
                continue
            found[subject] = Rendered(import_head(record).model_dump_json(by_alias=True).encode())
        return found


def _rendered(model: BaseModel, row: Row) -> Rendered:
    return Rendered(model.model_dump_json(by_alias=True).encode(), row["depot_id"], row["charger_id"])
