"""Security profiles 1 to 3: who comes in over TLS, with a password or a certificate, and how guessing is slowed down."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from access_policy.adapters.local_files.tls_files import TlsFiles, TlsUnusable
from access_policy.adapters.ocpp.gateway.settling import SETTLE_MIN_S
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.rotate_password import PasswordNotTaken, RotatePassword
from access_policy.application.context import Context
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.certificates import DAY, Files, TestAuthority
from tests.support.octt import octt
from tests.support.places import prepare_file

CONTEXT = Context(tenant_id=TenantId("acme"), actor=ActorId("tester"), correlation_id="test")
PASSWORD = "a-password-of-some-length"


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


@asynccontextmanager
async def serving(path: Path, **tls: Path) -> AsyncIterator[Service]:
    settings = Settings(data=path / "data", http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, **tls)  # type: ignore[arg-type]
    prepare_file(settings.data / "views.sqlite")
    async with Service(settings).running() as service:
        depot = PutDepot(depot_id=DepotId("d"), settings=DepotSettings(name="D", time_zone="UTC"))
        await service.container.commands.put_depot()(CONTEXT, depot)
        for number in (1, 2):
            put = PutCharger(
                charger_id=ChargerId(f"bay-{number}"),
                charge_point_id=ChargePointId(f"CP-{number}"),
                depot_id=DepotId("d"),
                profile="ocpp16-central",
                baseline_mode=AccessMode.MANAGED,
                password=PASSWORD,
            )
            done = await service.container.commands.put_charger()(CONTEXT, put)
        await service.settled(done.position)
        yield service


def trusting(authority: TestAuthority, own: Files | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    return context


@asynccontextmanager
async def charger(
    service: Service, identity: str = "CP-1", *, password: str | None = PASSWORD, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ClientConnection]:
    credentials = "" if password is None else f"{identity}:{password}@"
    url = f"{'ws' if tls is None else 'wss'}://{credentials}127.0.0.1:{service.ocpp_port}/ocpp/{identity}"
    more: dict[str, Any] = {} if tls is None else {"ssl": tls}
    async with connect(url, subprotocols=["ocpp1.6"], **more) as ws:  # type: ignore[list-item]
        yield ws


async def status_of(service: Service, *arguments: Any, **how: Any) -> int:
    """101 where the charger is let in."""
    try:
        async with charger(service, *arguments, **how) as ws:
            await boot(ws)
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def boot(ws: ClientConnection) -> None:
    await ws.send('[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
    async with asyncio.timeout(10):
        while (frame := json.loads(await ws.recv()))[1] != "b":
            await ws.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
    assert frame[2]["status"] == "Accepted"


# --- profile 2 --------------------------------------------------------------------------------------------------------


@octt("TC_A_01", "TC_A_03", "TC_085", "TC_086")
async def test_profile_2_is_tls_with_a_password_inside(tmp_path: Path, authority: TestAuthority) -> None:
    own = authority.issue("server")
    async with serving(tmp_path, ocpp_tls_certificate=own.certificate, ocpp_tls_key=own.key) as service:
        assert await status_of(service, tls=trusting(authority)) == 101
        assert await status_of(service, password="wrong-password-wrong", tls=trusting(authority)) == 401
        with pytest.raises(InvalidMessage):  # without TLS
            await status_of(service)


@octt("TC_A_06")
async def test_tls_older_than_1_2_is_not_spoken(tmp_path: Path, authority: TestAuthority) -> None:
    own = authority.issue("server")
    async with serving(tmp_path, ocpp_tls_certificate=own.certificate, ocpp_tls_key=own.key) as service:
        old = trusting(authority)
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            await status_of(service, tls=old)


async def test_a_renewed_certificate_is_used_for_new_connections(tmp_path: Path, authority: TestAuthority) -> None:
    own = authority.issue("server")
    files = TlsFiles(own.certificate, own.key)
    files.context()
    assert not files.reload()

    authority.issue("renewed", file="server")
    os.utime(own.certificate, (1, 1))
    assert files.reload()
    own.certificate.write_text("no certificate")
    with pytest.raises(TlsUnusable, match=r"server\.pem"):
        files.reload()


def test_files_that_cannot_be_used_are_named(tmp_path: Path, authority: TestAuthority) -> None:
    own, other = authority.issue("server"), authority.issue("other")

    for files in (
        TlsFiles(own.certificate, other.key),
        TlsFiles(tmp_path / "none.pem", own.key),
        TlsFiles(own.certificate, own.key, client_ca=own.key),
    ):
        with pytest.raises(TlsUnusable, match=r"\.(pem|key)"):
            files.context()


# --- profile 3 --------------------------------------------------------------------------------------------------------


@octt("TC_A_07", "TC_087")
async def test_profile_3_lets_in_by_the_certificate_and_without_a_password(
    tmp_path: Path, authority: TestAuthority
) -> None:
    own, theirs = authority.issue("server"), authority.issue("CP-1")
    tls = {
        "ocpp_tls_certificate": own.certificate,
        "ocpp_tls_key": own.key,
        "ocpp_tls_client_ca": authority.certificate,
    }
    async with serving(tmp_path, **tls) as service:
        assert await status_of(service, password=None, tls=trusting(authority, theirs)) == 101
        assert await status_of(service, "CP-2", password=PASSWORD, tls=trusting(authority, theirs)) == 401


@octt("TC_A_08")
async def test_profile_3_refuses_chargers_without_a_valid_certificate(tmp_path: Path, authority: TestAuthority) -> None:
    own = authority.issue("server")
    (tmp_path / "foreign").mkdir()
    foreign = TestAuthority(tmp_path / "foreign", "Foreign CA").issue("CP-1")
    expired = authority.issue("CP-1", lasts=-5 * DAY, file="expired")
    tls = {
        "ocpp_tls_certificate": own.certificate,
        "ocpp_tls_key": own.key,
        "ocpp_tls_client_ca": authority.certificate,
    }
    async with serving(tmp_path, **tls) as service:
        for theirs in (None, foreign, expired):
            with pytest.raises((OSError, InvalidMessage)):  # TLS 1.3 tells it only after the client's own handshake
                await status_of(service, tls=trusting(authority, theirs))


# --- guessing ---------------------------------------------------------------------------------------------------------


async def test_who_guesses_a_password_has_to_wait_and_another_charger_at_the_same_address_does_not(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as service:
        guesses = [await status_of(service, password=f"wrong-{number:010}") for number in range(10)]
        assert set(guesses) == {401}

        with pytest.raises(InvalidStatus) as refused:
            async with charger(service):
                pass

        assert refused.value.response.status_code == 401
        assert 0 < int(refused.value.response.headers["Retry-After"]) <= 600
        assert await status_of(service, "CP-2") == 101


@octt("TC_A_02")
async def test_the_user_name_is_the_identity(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        credentials = base64.b64encode(f"CP-2:{PASSWORD}".encode()).decode()
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                f"ws://127.0.0.1:{service.ocpp_port}/ocpp/CP-1",
                subprotocols=[Subprotocol("ocpp1.6")],
                additional_headers={"Authorization": f"Basic {credentials}"},
            )

    assert refused.value.response.status_code == 401


# --- rotation ---------------------------------------------------------------------------------------------------------


async def rotated(service: Service, ws: ClientConnection, answer: str) -> str | None:
    """The password that the charger is given; None where it was not taken."""
    command = RotatePassword(charger_id=ChargerId("bay-1"))
    rotating = asyncio.create_task(service.container.commands.rotate_password()(CONTEXT, command))
    given = None
    while not rotating.done():
        try:
            frame = json.loads(await asyncio.wait_for(ws.recv(), 0.2))
        except TimeoutError:
            continue
        if frame[2] == "ChangeConfiguration" and frame[3]["key"] == "AuthorizationKey":
            given = frame[3]["value"]
            await ws.send(json.dumps([3, frame[1], {"status": answer}]))
        else:
            await ws.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
    return None if isinstance(rotating.exception(), PasswordNotTaken) else given


@asynccontextmanager
async def booted(service: Service) -> AsyncIterator[ClientConnection]:
    async with charger(service) as ws:
        await boot(ws)
        await asyncio.sleep(SETTLE_MIN_S + 0.1)
        yield ws


@octt("TC_073")
async def test_a_charger_gets_a_new_password_and_the_old_one_ends_with_its_first_use(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        async with booted(service) as ws:
            given = await rotated(service, ws, "Accepted")
        assert given is not None

        assert await status_of(service) == 101
        assert await status_of(service, password=given) == 101
        assert await status_of(service) == 401


async def test_a_charger_that_refuses_keeps_its_password(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        async with booted(service) as ws:
            assert await rotated(service, ws, "Rejected") is None

        assert await status_of(service) == 101


async def test_a_charger_that_is_away_is_not_given_a_password(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        with pytest.raises(PasswordNotTaken, match="not connected"):
            await service.container.commands.rotate_password()(CONTEXT, RotatePassword(charger_id=ChargerId("bay-1")))
