"""Format recorded events as lines for the demo's terminal."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from rich.text import Text

from access_policy.application.ports.event_store import Recorded
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    ChargingEnded,
    ChargingStarted,
    DecisionLineage,
    OfflineStartReported,
    SessionDecision,
)
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.application import REBOOT_REQUIRED
from access_policy.domain.charger_access_policy.events import (
    ModeApplicationFailed,
    ModeApplied,
    ModeChangeRequested,
    ModeDriftDetected,
    ModeOverridden,
    ModeOverrideLifted,
)
from access_policy.domain.charger_condition.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ConnectorFaulted,
    ConnectorRecovered,
)
from access_policy.domain.site_energy.events import AccessNarrowed, AccessWidened

_MODE_STYLE = {AccessMode.FREEVEND: "cyan", AccessMode.MANAGED: "magenta"}


def line(recorded: Recorded, zone: ZoneInfo) -> Text | None:
    """Format the event with its time and charger. Return None for events that the demo does not show."""
    described = _described(recorded.event, zone)
    if described is None:
        return None
    charger, label, style, words = described
    return Text.assemble(
        (f"{recorded.envelope.recorded_at.astimezone(zone):%H:%M:%S}  ", "dim"),
        (f"{charger:<12}", "bold"),
        (f"{label:<9}", f"bold {style}"),
        " ",
        words,
    )


_Described = tuple[str, str, str, str]  # charger, label, style, words


def _described(event: object, zone: ZoneInfo) -> _Described | None:
    match event:
        case ModeChangeRequested():
            return event.charger_id, "switch", "dim", f"to {event.mode} ({event.cause.name}, {event.trigger})"
        case ModeApplied():
            return event.charger_id, event.mode.value, _MODE_STYLE[event.mode], _applied(event)
        case ModeApplicationFailed(reason=reason) if reason == REBOOT_REQUIRED:
            return event.charger_id, "waits", "yellow", f"for {event.mode}: {event.detail}"
        case ModeApplicationFailed():
            return event.charger_id, "failed", "red", f"to switch to {event.mode}: {event.reason}, {event.detail}"
        case ModeDriftDetected():
            return (
                event.charger_id,
                "drift",
                "yellow",
                f"found in {event.found} instead of {event.expected}: {event.evidence}",
            )
        case ModeOverridden():
            return (
                event.charger_id,
                "override",
                "blue",
                f"{event.mode} until {_clock(event.ends_at, zone)}: {event.reason}",
            )
        case ModeOverrideLifted():
            return event.charger_id, "override", "blue", "lifted"
        case AccessAllowed(lineage=lineage):
            return lineage.charger_id, "allowed", "green", f"{_who(lineage)}, {event.reason}"
        case AccessDenied(lineage=lineage):
            return lineage.charger_id, "denied", "red", _denied(event)
        case ChargingStarted():
            return event.charger_id, "charging", "green", _charging(event)
        case ChargingEnded():
            energy = "" if event.energy_wh is None else f", {event.energy_wh / 1000:.1f} kWh"
            return event.charger_id, "ended", "dim", f"{event.reason}{energy}"
        case OfflineStartReported():
            result = "authorised" if event.authorised else "NOT authorised"
            return (
                event.charger_id,
                "offline",
                "yellow",
                f"a start while offline was reported: {result}, {event.reason}",
            )
        case _:
            return _condition(event)


def _condition(event: object) -> _Described | None:
    match event:
        case ChargerConnected():
            return event.charger_id, "online", "dim", event.protocol
        case ChargerDisconnected():
            return event.charger_id, "offline", "yellow", event.reason
        case ChargerBooted():
            return event.charger_id, "booted", "dim", f"{event.vendor} {event.model}"
        case ConnectorFaulted(caused_by=None):
            return event.charger_id, "FAULT", "bold white on red", _fault(event)
        case ConnectorFaulted():
            return (
                event.charger_id,
                "not fault",
                "yellow",
                f"{_fault(event)} follows the denial; shown there, not as a fault",
            )
        case ConnectorRecovered():
            return event.charger_id, "recovered", "dim", f"connector {event.connector_id}"
        case AccessNarrowed():
            return str(event.node_id or ""), "narrowed", "yellow", _gate(event)
        case AccessWidened():
            return str(event.node_id or ""), "widened", "cyan", _gate(event)
        case _:
            return None


def _gate(event: AccessNarrowed | AccessWidened) -> str:
    limit = "" if event.effective_w is None else f", {event.effective_w / 1000:g} kW left"
    return f"to {event.level} at {', '.join(sorted(event.charger_ids))}{limit}"


def _applied(event: ModeApplied) -> str:
    return f"applied: {event.cause.name}; {event.evidence}; {event.late_s:.1f} s after it was due"


def _who(lineage: DecisionLineage) -> str:
    shown = "no identifier" if lineage.identifier is None else f"{lineage.identifier.kind} {lineage.identifier.masked}"
    return shown if lineage.vehicle_id is None else f"{lineage.vehicle_id} ({lineage.access_class}) by {shown}"


def _denied(event: AccessDenied) -> str:
    signal = ""
    if event.signal is not None:
        signal = f"; driver sees {event.signal.status}"
        signal += f": {event.signal.message}" if event.signal.message else ""
    return f"{_who(event.lineage)}, {event.reason}{signal}"


def _charging(event: ChargingStarted) -> str:
    match event.decision:
        case SessionDecision.NONE:
            return "started in freevend, without authorisation"
        case SessionDecision.DENIED:
            return "the charger reports a start that was denied"
        case SessionDecision.ALLOWED:
            return f"started by {event.vehicle_id or 'an unknown vehicle'}"


def _fault(event: ConnectorFaulted) -> str:
    codes = " ".join(code for code in (event.error_code, event.vendor_error_code) if code)
    return f"connector {event.connector_id}: {codes}"


def _clock(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%H:%M:%S}"
