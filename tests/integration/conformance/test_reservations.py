"""Reservations in both protocol versions, by the ids of their cases (tests/support/octt.py)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from access_policy.application.charger_reservations.desired import reservation_number
from access_policy.application.commands.cancel_reservation import CancelReservation
from access_policy.application.commands.make_reservation import MakeReservation
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import DepotId, ReservationId
from access_policy.domain.reservations.reservation import Place, ReservationSource
from simulated_charger import v16_commands, v201_commands
from simulated_charger.calls import Response
from tests.integration.conformance.stage import BAY, CONTEXT, KEY, OWN, SPEC, STRANGER, Stage, stage
from tests.support.chargers import OCPP16, OCPP201, ChargerSpec, Vehicle
from tests.support.octt import octt

R1 = ReservationId("r1")
NUMBER = reservation_number(R1, 1)
STATION_16 = replace(SPEC, protocol=OCPP16, reserves=True)
STATION_201 = replace(SPEC, protocol=OCPP201, reserves=True)


def both(of_16: pytest.MarkDecorator, of_201: pytest.MarkDecorator) -> pytest.MarkDecorator:
    """One test in both protocol versions, with the cases that it plays in each."""
    stations = [pytest.param(STATION_16, marks=of_16, id="1.6"), pytest.param(STATION_201, marks=of_201, id="2.0.1")]
    return pytest.mark.parametrize("station", stations)


def answers_with(monkeypatch: pytest.MonkeyPatch, action: str, status: str) -> None:
    """From now on stations answer this action so."""
    for commands in (v16_commands, v201_commands):
        monkeypatch.setitem(commands.HANDLERS, action, lambda commands, payload: Response({"status": status}))


async def reserve(played: Stage, *, lasts_s: float = 3600) -> None:
    """Bay 1 for the stranger's card, from now on."""
    now = played.service.container.clock().now()
    draft = ReservationDraft(
        place=Place(charger_id=BAY),
        start=now - timedelta(minutes=1),
        end=now + timedelta(seconds=lasts_s),
        source=ReservationSource.MANUAL,
        identifiers=[(IdentifierKind.RFID, STRANGER.value)],
    )
    command = MakeReservation(depot_id=DepotId("north"), draft=draft, reservation_id=R1)
    await played.service.container.commands.make_reservation()(CONTEXT, command)
    await played.until(lambda: played.asked("ReserveNow"))


async def cancel(played: Stage) -> None:
    command = CancelReservation(reservation_id=R1, reason="a test")
    await played.service.container.commands.cancel_reservation()(CONTEXT, command)


def state(played: Stage) -> tuple[str, str]:
    reported = played.service.container.deciding.view().condition(KEY).reservations.get(NUMBER)
    return ("", "") if reported is None else (reported.state.value, reported.detail)


@both(octt("TC_046"), octt("TC_H_01"))
async def test_reserved_connector_is_used_by_the_holder(tmp_path: Path, station: ChargerSpec) -> None:
    async with stage(tmp_path, station) as played:
        await reserve(played)
        await played.until(lambda: played.charger.connector(1).reservation is not None)
        (asked,) = played.asked("ReserveNow")
        assert (asked.get("connectorId"), asked.get("evseId")).count(1) == 1

        await played.charger.plug_in(1, Vehicle())
        refused = await played.charger.present(1, OWN)
        admitted = await played.charger.present(1, STRANGER)

        assert (refused.charged, admitted.charged) == (False, True)


@both(octt("TC_047"), octt("TC_H_07"))
async def test_reservation_that_is_not_used_ends_at_the_charger(tmp_path: Path, station: ChargerSpec) -> None:
    async with stage(tmp_path, station) as played:
        await reserve(played, lasts_s=4)
        await played.until(lambda: played.charger.connector(1).reservation is None)
        await played.until(lambda: state(played)[0] == "gone")
        assert len(played.asked("ReserveNow")) == 1


@pytest.mark.parametrize("status", ["Occupied", "Faulted", "Unavailable", "Rejected"])
@both(octt("TC_048"), octt("TC_H_22"))
async def test_reservation_that_is_not_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, station: ChargerSpec, status: str
) -> None:
    answers_with(monkeypatch, "ReserveNow", status)
    async with stage(tmp_path, station) as played:
        await reserve(played)
        await played.until(lambda: state(played) == ("refused" if status == "Rejected" else "waiting", status))
        await played.charger.plug_in(1, Vehicle())
        assert not (await played.charger.present(1, OWN)).charged


@both(octt("TC_051"), octt("TC_H_17"))
async def test_cancelled_reservation(tmp_path: Path, station: ChargerSpec) -> None:
    async with stage(tmp_path, station) as played:
        await reserve(played)
        await played.until(lambda: state(played)[0] == "reserved")
        await cancel(played)
        await played.until(lambda: state(played) == ("gone", "cancelled"))
        assert played.asked("CancelReservation") == [{"reservationId": NUMBER}]
        assert played.charger.connector(1).reservation is None


@octt("TC_052")
async def test_cancellation_that_the_charger_rejects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers_with(monkeypatch, "CancelReservation", "Rejected")
    async with stage(tmp_path, STATION_16) as played:
        await reserve(played)
        await played.until(lambda: state(played)[0] == "reserved")
        await cancel(played)
        await played.until(lambda: state(played) == ("gone", "cancelled; the charger answered Rejected"))
        assert len(played.asked("CancelReservation")) == 1


@octt("TC_H_20")
async def test_reservation_that_a_fault_ends_is_sent_again_later(tmp_path: Path) -> None:
    async with stage(tmp_path, STATION_201) as played:
        await reserve(played)
        await played.until(lambda: state(played)[0] == "reserved")
        await played.charger.break_down(1, error_code="GroundFailure")
        await played.until(lambda: state(played)[0] in ("gone", "waiting"))
        assert played.answers("ReservationStatusUpdate") == [{}]
        played.charger.repair(1)
        await played.until(lambda: played.charger.connector(1).reservation is not None)
