"""A week of a depot's charging as events: who plugged in, who was refused and why, which charger had a fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from access_policy.application import streams
from access_policy.application.ports.event_store import Append, NewEvent, StreamId
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import AgreementId, AttemptId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.mode_schedule.rules import local_instant
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.settings import Settings
from tests.support import attempts, builders
from tests.support.stores import batched, envelope

DAYS: Final = 7
OWN: Final = [f"bus-{number}" for number in range(104, 120)]
GUESTS: Final = ["van-201", "van-202", "van-203"]
AGREEMENT: Final = AgreementId("city-couriers")
BY_HOUR: Final = [3, 2, 2, 1, 2, 4, 6, 5, 4, 4, 5, 6, 7, 6, 5, 4, 4, 5, 6, 7, 8, 9, 9, 6]
DENIALS: Final = (
    *[Reason.UNKNOWN_IDENTIFIER] * 5,
    *[Reason.AGREEMENT_NOT_NOW] * 3,
    Reason.VEHICLE_SUSPENDED,
    Reason.IDENTIFIER_IN_USE,
)
Dated = tuple[Any, datetime]


@dataclass(frozen=True)
class Week:
    """The visits of a depot's last seven days, the same ones each time. `faulty` has not reported anything else yet.

    `is_over`: no charge is under way, for chargers that the service does not know yet.
    """

    tenant: TenantId
    depot: DepotId
    chargers: Sequence[str]
    faulty: str
    zone: ZoneInfo
    a_day: int
    is_over: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    random: Random = field(default_factory=lambda: Random(14))

    async def record(self, settings: Settings) -> None:
        """Append the visits to the store of `settings`, which no process has open."""
        container = Container(settings=settings)
        store = container.stores.store()
        for visits in batched(self._visits()):
            await store.append(visits)
        await close_opened(container)

    def _visits(self) -> Iterator[Append]:
        today = self.now.astimezone(self.zone).date()
        for back in range(DAYS, -1, -1):
            day = today - timedelta(days=back)
            for _ in range(self.a_day * 2 // 5 if day.weekday() >= 5 else self.a_day):
                (hour,) = self.random.choices(range(24), BY_HOUR)
                at = local_instant(day, time(hour, self.random.randrange(60)), self.zone)
                if at < self.now - (timedelta(hours=5) if self.is_over else timedelta(minutes=5)):
                    yield self._visit(at, managed=hour >= 22 or hour < 6)
        yield self._faults()

    def _visit(self, at: datetime, *, managed: bool) -> Append:
        attempt = AttemptId(str(UUID(int=self.random.getrandbits(128), version=4)))
        is_guest = self.random.random() < 0.25
        vehicle = VehicleId(self.random.choice(GUESTS if is_guest else OWN))
        known = replace(builders.ref(f"p-{vehicle}"), masked=f"04…{sum(map(ord, vehicle)) % 256:02X}")
        where: dict[str, Any] = {"attempt_id": attempt, "charger_id": ChargerId(self.random.choice(self.chargers))}
        where |= {"depot_id": self.depot, "connector_id": 1, "identifier": known}
        stream = streams.attempt_stream(self.tenant, attempt)
        if not managed and self.random.random() < 0.3:  # the charger does not ask
            return self._append(stream, self._charge(where, vehicle, at, AccessMode.FREEVEND))
        asked = where | {"decided_for": at, "message_id": f"m-{self.random.randrange(10_000)}", "vehicle_id": vehicle}
        asked |= {"access_class": AccessClass.AGREEMENT, "agreement_id": AGREEMENT} if is_guest else {}
        if managed and self.random.random() < 0.22:
            return self._append(stream, [(self._denied(asked), at)])
        mode = AccessMode.MANAGED if managed else AccessMode.FREEVEND
        reason = Reason.AGREEMENT_VEHICLE if is_guest else Reason.OWN_VEHICLE
        allowed = attempts.allowed(reason=reason if managed else Reason.FREEVEND, **asked | {"expected_mode": mode})
        return self._append(stream, [(allowed, at), *self._charge(where, vehicle, at, mode)])

    def _denied(self, asked: dict[str, Any]) -> Any:
        reason = self.random.choice(DENIALS)
        if reason is Reason.UNKNOWN_IDENTIFIER:
            number = self.random.randrange(6)
            stranger = replace(builders.ref(f"s-{number}"), masked=f"04…{0xA0 + number:X}")
            asked |= {"vehicle_id": None, "access_class": AccessClass.UNKNOWN, "agreement_id": None}
            asked |= {"identifier": stranger}
        return attempts.denied(reason=reason, **asked)

    def _charge(self, where: dict[str, Any], vehicle: VehicleId, at: datetime, mode: AccessMode) -> list[Dated]:
        began = at + timedelta(seconds=20)
        over = began + timedelta(minutes=self.random.randrange(25, 240))
        transaction = f"tx-{self.random.randrange(100_000)}"
        watts = self.random.randrange(20_000, 60_000)
        decision = SessionDecision.NONE if mode is AccessMode.FREEVEND else SessionDecision.ALLOWED
        started = attempts.started(
            **where,
            transaction_id=transaction,
            started_at=began,
            decision=decision,
            expected_mode=mode,
            vehicle_id=vehicle,
        )
        if over > self.now:
            return [(started, began)]
        energy = int((over - began).total_seconds() / 3600 * watts)
        ids = {"attempt_id": where["attempt_id"], "charger_id": where["charger_id"]}
        return [(started, began), (attempts.ended(over, transaction_id=transaction, energy_wh=energy, **ids), over)]

    def _faults(self) -> Append:
        charger, first, last = ChargerId(self.faulty), self.now - timedelta(hours=31), self.now - timedelta(minutes=20)
        over = first + timedelta(minutes=47)
        leak = attempts.faulted(first, charger_id=charger, info="Residual current at connector 1")
        stuck = attempts.faulted(last, charger_id=charger, error_code="PowerSwitchFailure", info="Contactor is stuck")
        events = [(leak, first), (attempts.recovered(over, charger_id=charger), over), (stuck, last)]
        return self._append(streams.condition_stream(self.tenant, charger), events)

    def _append(self, stream: StreamId, events: list[Dated]) -> Append:
        return Append(stream, 0, tuple(NewEvent(each, envelope(tenant=self.tenant, at=at)) for each, at in events))
