"""Gates and narrowed windows, as the evaluation of a depot's energy gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from access_policy.domain.ids import ChargerId, ChargerKey, EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.gate import EnvelopeState, Gate, GateEnvelope, GateLevel, LimitSource
from tests.support.builders import NOON

HALL, SITE = EnergyNodeId("hall"), EnergyNodeId("site")
ENVELOPE = GateEnvelope(
    envelope_id=EnvelopeId("e-1"),
    sequence=7,
    state=EnvelopeState.ACTIVE,
    valid_from=NOON - timedelta(hours=1),
    valid_until=NOON + timedelta(hours=5),
)
GATE = Gate(
    level=GateLevel.OPEN,
    is_advisory=False,
    node_path=(EnergyNodeId("bay-1"), HALL, SITE),
    binding_node_id=HALL,
    effective_w=9_000,
    committed_w=41_000,
    threshold_w=None,
    limit_source=LimitSource.FRESH_ENVELOPE,
    envelope=ENVELOPE,
    observed_at=NOON,
    computed_at=NOON,
    changes_at=None,
    version=12,
)


def a_gate(level: GateLevel, *, is_advisory: bool = False, changes_at: datetime | None = None) -> Gate:
    threshold_w = None if level is GateLevel.OPEN else 11_000
    return replace(GATE, level=level, is_advisory=is_advisory, changes_at=changes_at, threshold_w=threshold_w)


def a_window(
    starts_at: datetime, ends_at: datetime, level: GateLevel, envelope: GateEnvelope | None = ENVELOPE
) -> NarrowedWindow:
    return NarrowedWindow(starts_at=starts_at, ends_at=ends_at, level=level, envelope=envelope)


@dataclass(slots=True)
class GivenGates:
    """Gates that a test gives: all chargers are narrowed in `windows`, and open at other times. None: there is no policy."""

    windows: tuple[NarrowedWindow, ...] | None = ()
    is_advisory: bool = False
    looked: int = 0
    _listeners: list[Callable[[ChargerKey], None]] = field(default_factory=list)

    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None:
        self.looked += 1
        if self.windows is None:
            return None
        level = next((each.level for each in self.windows if each.starts_at <= at < each.ends_at), GateLevel.OPEN)
        edges = (edge for each in self.windows for edge in (each.starts_at, each.ends_at))
        changes_at = min((edge for edge in edges if edge > at), default=None)
        return a_gate(level, is_advisory=self.is_advisory, changes_at=changes_at)

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> tuple[NarrowedWindow, ...]:
        return tuple(each for each in self.windows or () if each.starts_at < end and each.ends_at > start)

    def on_gate_change(self, listener: Callable[[ChargerKey], None]) -> None:
        self._listeners.append(listener)

    def give(self, key: ChargerKey, *windows: NarrowedWindow) -> None:
        """An event changes the gate of the charger."""
        self.windows = windows
        for listener in self._listeners:
            listener(key)


@dataclass(slots=True)
class GatesByCharger:
    """The gates that a test gives to each charger."""

    given: dict[ChargerId, GivenGates] = field(default_factory=dict)
    _listeners: list[Callable[[ChargerKey], None]] = field(default_factory=list)

    def of(self, charger_id: ChargerId) -> GivenGates:
        return self.given.setdefault(charger_id, GivenGates(windows=None))

    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None:
        return self.of(charger_id).gate(tenant_id, charger_id, at)

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> tuple[NarrowedWindow, ...]:
        return self.of(charger_id).narrowings(tenant_id, charger_id, start, end)

    def on_gate_change(self, listener: Callable[[ChargerKey], None]) -> None:
        self._listeners.append(listener)

    def give(self, key: ChargerKey, *windows: NarrowedWindow, is_advisory: bool = False) -> None:
        gates = self.of(key[1])
        gates.windows, gates.is_advisory = windows, is_advisory
        for listener in self._listeners:
            listener(key)
