"""Console sessions, sign-ins and one-time links on record: as every process sees them, and by hashes only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from access_policy.adapters.records.console_sessions import SqlConsoleSessions
from access_policy.adapters.records.login_links import SqlLoginLinks
from access_policy.application.api_key_secrets import digest_of
from access_policy.application.errors import TooBusy
from access_policy.application.ports.console_sessions import ConsoleSession, SignIn
from access_policy.application.ports.identity import Identity, Role
from access_policy.application.ports.login_links import LoginLink
from access_policy.domain.ids import ActorId, DepotId, TenantId
from tests.support.builders import DAY, NOON
from tests.support.places import Place
from tests.support.records import files_holding, inside
from tests.support.stores import TEST_KEY

ANNA = Identity(
    tenant_id=TenantId("acme"), role=Role.OPERATOR, subject=ActorId("anna"), depots=frozenset({DepotId("north")})
)
ID_TOKEN = "header.claims-of-anna.signature"
SESSION = ConsoleSession(identity=ANNA, created_at=NOON, used_at=NOON, expires_at=NOON + DAY, id_token=ID_TOKEN)
SIGN_IN = SignIn(browser="digest", nonce="nonce", verifier="verifier", expires_at=NOON + DAY)


@pytest.fixture
async def sessions(records_location: Place) -> AsyncIterator[SqlConsoleSessions]:
    opened = SqlConsoleSessions(inside(records_location, "console_sessions"), TEST_KEY)
    yield opened
    await opened.close()


async def test_session_is_found_as_it_was_put_and_neither_id_nor_id_token_is_in_a_file(
    sessions: SqlConsoleSessions, records_location: Place
) -> None:
    await sessions.put(digest_of("aps_secret"), SESSION)

    assert await sessions.find(digest_of("aps_secret")) == SESSION
    assert await sessions.find(digest_of("another")) is None
    for secret in (b"aps_secret", b"claims-of-anna"):
        assert files_holding(records_location, secret) == []


async def test_session_ended_by_one_process_is_gone_for_another_and_ends_once(
    sessions: SqlConsoleSessions, records_location: Place
) -> None:
    other_process = SqlConsoleSessions(inside(records_location, "console_sessions"), TEST_KEY)
    await sessions.put("digest", SESSION)

    assert await other_process.end("digest") == SESSION
    assert await sessions.find("digest") is None
    assert await sessions.end("digest") is None
    await other_process.close()


async def test_use_of_a_session_never_goes_back(sessions: SqlConsoleSessions) -> None:
    await sessions.put("digest", SESSION)
    await sessions.used("digest", NOON + DAY / 2)
    await sessions.used("digest", NOON)

    assert await sessions.find("digest") == replace(SESSION, used_at=NOON + DAY / 2)


async def test_forget_old_deletes_idle_and_expired_sessions_and_expired_sign_ins(sessions: SqlConsoleSessions) -> None:
    await sessions.put("expired", replace(SESSION, used_at=NOON + DAY))
    await sessions.put("idle", replace(SESSION, expires_at=NOON + 9 * DAY))
    await sessions.put("kept", replace(SESSION, used_at=NOON + DAY, expires_at=NOON + 9 * DAY))
    await sessions.sign_ins.put("expired", SIGN_IN, now=NOON)
    await sessions.sign_ins.put("kept", replace(SIGN_IN, expires_at=NOON + 9 * DAY), now=NOON)

    await sessions.forget_old(used_before=NOON, now=NOON + DAY)

    assert [name for name in ("expired", "idle", "kept") if await sessions.find(name)] == ["kept"]
    assert [name for name in ("expired", "kept") if await sessions.sign_ins.take(name)] == ["kept"]


async def test_sign_in_and_link_are_taken_once(sessions: SqlConsoleSessions, records_location: Place) -> None:
    links = SqlLoginLinks(inside(records_location, "login_links"))
    link = LoginLink(identity=ANNA, expires_at=NOON + DAY)
    await sessions.sign_ins.put("state", SIGN_IN, now=NOON)
    await links.put("code", link, now=NOON)

    assert [await sessions.sign_ins.take("state") for _ in range(2)] == [SIGN_IN, None]
    assert [await links.take("code") for _ in range(2)] == [link, None]
    await links.close()


async def test_sign_in_beyond_the_most_at_once_is_refused_until_another_ends_or_expires(
    sessions: SqlConsoleSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access_policy.adapters.records.console_sessions.SIGN_INS_MAX", 2)
    sign_ins = sessions.sign_ins
    await sign_ins.put("first", SIGN_IN, now=NOON)
    await sign_ins.put("second", replace(SIGN_IN, expires_at=NOON + 2 * DAY), now=NOON)

    with pytest.raises(TooBusy):
        await sign_ins.put("third", SIGN_IN, now=NOON)
    assert await sign_ins.take("third") is None
    await sign_ins.put("after the first expired", replace(SIGN_IN, expires_at=NOON + 3 * DAY), now=NOON + DAY)
    with pytest.raises(TooBusy):
        await sign_ins.put("third", SIGN_IN, now=NOON + DAY)
    assert await sign_ins.take("second") is not None
    await sign_ins.put("third", SIGN_IN, now=NOON + DAY)
