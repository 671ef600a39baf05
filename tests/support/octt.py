"""The OCPP compliance test cases that concern a charging station management system, and which of them apply to this one.

Ids and topics are those of OCPP 2.0.1 Part 6 and of the OCA's compliancy tests for 1.6. A test carries the ids that it plays
as `@octt(...)`; a case that does not apply has the reason. `make conformance` generates docs/conformance.md from both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

CERTIFICATES = "A separate system issues and renews chargers' certificates"
NETWORK = "Network profiles belong to commissioning"
REPORTS = "Variables are read one by one; reports of the device model are not requested"
GROUPS = "No group ids are sent: one vehicle must not stop another's charge"
PNC = "Contract certificates are checked by the charge point operator's own back end; the emaid is decided here"
NOT_ASKED = "The charger reports the status of a transaction; the service does not request it"
UNLOCK = "Unlocking is a maintenance command of another system"
AVAILABILITY = "Chargers are never taken out of service from here"
ANY_CONNECTOR = (
    "A reservation names a charger; reservations for any connector or for a connector type are not requested"
)
ONE_MONITOR = "One monitor is set, on the charger's switch, and never removed"
CUSTOMER = "Customer information on chargers is not read or cleared from here"
ONE_WRITE = "Variables are written one by one, each read back"
RESET_KINDS = "The service only requests resets of the whole charger when it is idle"
DIAGNOSTICS = "Logs and firmware belong to maintenance"
BY_TRIGGER = "Only status reports of all connectors and boot notifications are triggered"
DISPLAY_KINDS = (
    "Display messages are set and cleared by id; they are not read, scheduled for later or bound to a transaction"
)


@dataclass(frozen=True)
class Case:
    """`why_not` None: the case applies, and a test plays it."""

    id: str
    protocol: str
    topic: str
    why_not: str | None = None


def _each(protocol: str, topic: str, ids: str, why_not: str | None = None) -> Iterator[Case]:
    for part in ids.split():
        first, _, last = part.partition("..")
        stem, number = first.rsplit("_", 1) if last else (first, "")
        numbers: Iterable[str] = (
            (f"{stem}_{n:0{len(number)}d}" for n in range(int(number), int(last) + 1)) if last else (first,)
        )
        yield from (Case(each, protocol, topic, why_not) for each in numbers)


_V201 = "OCPP 2.0.1"
_V16 = "OCPP 1.6"
CASES: dict[str, Case] = {
    case.id: case
    for group in (
        _each(_V201, "Basic authentication: valid, wrong user, wrong password", "TC_A_01..03"),
        _each(_V201, "TLS too low; client certificate valid, invalid", "TC_A_06..08"),
        _each(_V201, "Password update accepted, rejected", "TC_A_09 TC_A_10"),
        _each(_V201, "Station certificates, upgrade of the security profile", "TC_A_11..14 TC_A_19", CERTIFICATES),
        _each(_V201, "Cold boot accepted, pending", "TC_B_01 TC_B_02"),
        _each(_V201, "Message before the boot is accepted", "TC_B_30"),
        _each(_V201, "Boot triggered while pending", "TC_B_31"),
        _each(_V201, "GetVariables: one, many, limit", "TC_B_06..08"),
        _each(_V201, "SetVariables: one", "TC_B_09"),
        _each(_V201, "SetVariables: many", "TC_B_10", ONE_WRITE),
        _each(_V201, "GetBaseReport, custom report", "TC_B_12..14 TC_B_18", REPORTS),
        _each(_V201, "Reset of the station when idle", "TC_B_20"),
        _each(_V201, "Other resets", "TC_B_21 TC_B_22 TC_B_25..27", RESET_KINDS),
        _each(_V201, "Network profile", "TC_B_42 TC_B_44", NETWORK),
        _each(_V201, "Authorize: unknown, blocked, expired", "TC_C_02 TC_C_06 TC_C_07"),
        _each(_V201, "Start with a cached identifier: accepted, not valid any more", "TC_C_08 TC_C_20"),
        _each(_V201, "ClearCache accepted, rejected", "TC_C_37 TC_C_38"),
        _each(_V201, "Group ids, with a local list", "TC_C_39 TC_C_40 TC_C_43", GROUPS),
        _each(_V201, "Master pass", "TC_C_47..49", GROUPS),
        _each(_V201, "Contract certificates", "TC_C_50..52", PNC),
        _each(_V201, "Local list: full, update, remove, empty", "TC_D_01..04"),
        _each(_V201, "Version of the local list, no list", "TC_D_08 TC_D_09"),
        _each(_V201, "Start points of a transaction", "TC_E_01 TC_E_02 TC_E_09..12"),
        _each(_V201, "Cable first, authorisation first", "TC_E_03 TC_E_04"),
        _each(_V201, "Stopped because the identifier is not valid", "TC_E_16"),
        _each(_V201, "GetTransactionStatus", "TC_E_29..31 TC_E_33 TC_E_34", NOT_ASKED),
        _each(_V201, "EVConnectionTimeOut", "TC_E_39"),
        _each(_V201, "A new transaction with sequence number 0", "TC_E_53"),
        _each(_V201, "Remote start: cable first, asked back, not asked back, timed out", "TC_F_01..04"),
        _each(_V201, "Unlock", "TC_F_06", UNLOCK),
        _each(_V201, "Triggered messages of other kinds", "TC_F_11..15 TC_F_18 TC_F_20 TC_F_23 TC_F_24", BY_TRIGGER),
        _each(_V201, "A trigger that the charger does not know", "TC_F_27"),
        _each(_V201, "Availability", "TC_G_03..08 TC_G_11 TC_G_14 TC_G_17 TC_G_20", AVAILABILITY),
        _each(
            _V201,
            "Reservation: used, not used, cancelled, ended by a fault, rejected",
            "TC_H_01 TC_H_07 TC_H_17 TC_H_20 TC_H_22",
        ),
        _each(_V201, "Reservation of any connector, or of one of a type", "TC_H_08 TC_H_14 TC_H_15", ANY_CONNECTOR),
        _each(_V201, "Reservation for a group", "TC_H_19", GROUPS),
        _each(_V201, "Monitoring reports", "TC_N_01..03 TC_N_47 TC_N_60", REPORTS),
        _each(_V201, "A monitor on a variable", "TC_N_08"),
        _each(
            _V201, "Monitoring base, levels, taking monitors away", "TC_N_05 TC_N_09 TC_N_16..18 TC_N_44", ONE_MONITOR
        ),
        _each(_V201, "NotifyEvent", "TC_N_24 TC_N_48..50"),
        _each(_V201, "Customer information", "TC_N_46", CUSTOMER),
        _each(_V201, "Display: a text cleared, unknown when cleared", "TC_O_04 TC_O_05"),
        _each(_V201, "Display: a text replaced, a text that ends", "TC_O_12 TC_O_14"),
        _each(_V201, "Display: priority, state or format not supported", "TC_O_17..19"),
        _each(
            _V201,
            "Display: reading texts, texts of a transaction, texts that start later",
            "TC_O_02 TC_O_03 TC_O_06..10 TC_O_13 TC_O_27 TC_O_28",
            DISPLAY_KINDS,
        ),
        _each(_V201, "DataTransfer of an unknown vendor, custom data", "TC_P_02 TC_P_03"),
        _each(_V16, "Cold boot", "TC_001"),
        _each(_V16, "Sessions: plug first, id first, connection timed out", "TC_003 TC_004_1 TC_004_2 TC_005_1"),
        _each(_V16, "Start with a cached id", "TC_007"),
        _each(_V16, "Remote start and stop", "TC_010 TC_011_1 TC_011_2 TC_012"),
        _each(_V16, "Hard reset", "TC_013", RESET_KINDS),
        _each(_V16, "Soft reset", "TC_014"),
        _each(_V16, "Unlock", "TC_017_1 TC_017_2 TC_018_1 TC_030 TC_031", UNLOCK),
        _each(_V16, "GetConfiguration: all keys, one key", "TC_019_1 TC_019_2"),
        _each(_V16, "ChangeConfiguration", "TC_021"),
        _each(_V16, "Authorize: invalid, expired, blocked", "TC_023_1 TC_023_2 TC_023_3"),
        _each(_V16, "Failure of the connector's lock", "TC_024"),
        _each(_V16, "Remote start, remote stop rejected", "TC_026 TC_028"),
        _each(_V16, "Power loss, offline transaction", "TC_032_1 TC_039"),
        _each(_V16, "Offline start: valid id, invalid id", "TC_037_1 TC_037_3"),
        _each(_V16, "ChangeConfiguration: not supported, invalid value", "TC_040_1 TC_040_2"),
        _each(_V16, "Version of the local list: not supported, empty", "TC_042_1 TC_042_2"),
        _each(_V16, "SendLocalList: not supported, failed, full, differential", "TC_043_1 TC_043_3 TC_043_4 TC_043_5"),
        _each(_V16, "Reservation: used, not used, not accepted", "TC_046 TC_047 TC_048"),
        _each(_V16, "Reservation cancelled: accepted, rejected", "TC_051 TC_052"),
        _each(_V16, "Reservation of any connector", "TC_049", ANY_CONNECTOR),
        _each(_V16, "Reservation for a group", "TC_053", GROUPS),
        _each(_V16, "Triggered messages: accepted, rejected", "TC_054 TC_055"),
        _each(_V16, "ClearCache", "TC_061"),
        _each(_V16, "DataTransfer", "TC_064"),
        _each(_V16, "Password update", "TC_073"),
        _each(_V16, "Certificates", "TC_074 TC_075", CERTIFICATES),
        _each(_V16, "Other security cases of the 1.6 whitepaper", "TC_076 TC_077 TC_078", CERTIFICATES),
        _each(_V16, "Security log and signed firmware", "TC_079 TC_080 TC_081 TC_082", DIAGNOSTICS),
        _each(_V16, "Upgrade of the security profile", "TC_083 TC_084", CERTIFICATES),
        _each(_V16, "Basic authentication, TLS, client certificate, subprotocol", "TC_085 TC_086 TC_087 TC_088"),
    )
    for case in group
}


def octt(*ids: str) -> pytest.MarkDecorator:
    """The test plays these cases."""
    for each in ids:
        assert CASES[each].why_not is None, f"{each} does not apply: {CASES[each].why_not}"
    return pytest.mark.octt(*ids)


def ids_of(item: pytest.Item) -> list[str]:
    return [each for mark in item.iter_markers("octt") for each in mark.args]


def document(failed: dict[str, bool]) -> str:
    """docs/conformance.md. `failed`: of each case that was played, whether a test of it failed."""
    applies = [case for case in CASES.values() if case.why_not is None]
    passes = [case for case in applies if failed.get(case.id) is False]
    lines = [
        "# Conformance",
        "",
        "This page lists the cases of the OCPP compliance tests (OCTT) that concern a central system, as this project's",
        "tests play them: against the whole service over a real WebSocket, with every message of the service checked",
        "against the published schemas. It is not a certificate: the OCA's own tool was not available, and ids and topics",
        "come from public sources. `make conformance` writes the table from a test run.",
        "",
        f"{len(CASES)} cases: {len(passes)} pass, {len(applies) - len(passes)} do not, "
        f"{len(CASES) - len(applies)} do not apply.",
    ]
    for protocol in (_V201, _V16):
        lines += ["", f"## {protocol}", "", "| case | topic | result |", "|---|---|---|"]
        for case in CASES.values():
            if case.protocol == protocol:
                played = "not played" if case.id not in failed else "fails" if failed[case.id] else "passes"
                result = f"does not apply. {case.why_not}" if case.why_not else played
                lines.append(f"| {case.id} | {case.topic} | {result} |")
    return "\n".join(lines) + "\n"
