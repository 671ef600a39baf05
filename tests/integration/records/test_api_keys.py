"""API keys on record: as every process sees them, and by a hash only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from access_policy.adapters.records.api_keys import SqlApiKeys
from access_policy.application.api_key_secrets import digest_of, new_api_key
from access_policy.application.ports.api_keys import ApiKey
from access_policy.application.ports.identity import Role
from access_policy.application.streams import api_key_stream
from access_policy.domain.api_keys.events import ApiKeyCreated, ApiKeyGrant, ApiKeyRevoked
from access_policy.domain.ids import ActorId, DepotId, TenantId
from tests.support.builders import DAY, NOON
from tests.support.places import Place
from tests.support.records import files_holding, inside, pending

ACME, RIVAL = TenantId("acme"), TenantId("rival")
ANNA, BERT = ActorId("anna"), ActorId("bert")
SECOND = timedelta(seconds=1)
GRANT = ApiKeyGrant(name="Yard display", role="viewer", depots=None, expires_at=NOON + DAY)
STREAM = api_key_stream(ACME, "00000000000000a1")
CREATED = pending(ApiKeyCreated(key_id="00000000000000a1", grant=GRANT, created_at=NOON), STREAM)
REVOKED = pending(ApiKeyRevoked(key_id="00000000000000a1", grant=GRANT, revoked_at=NOON), STREAM)


def key(key_id: str = "00000000000000a1", **changes: Any) -> ApiKey:
    values: dict[str, Any] = {
        "key_id": key_id,
        "tenant_id": ACME,
        "name": "Yard display",
        "role": Role.VIEWER,
        "depots": None,
        "created_at": NOON,
        "created_by": ANNA,
        "expires_at": NOON + DAY,
    }
    return ApiKey(**(values | changes))


@pytest.fixture
async def keys(records_location: Place) -> AsyncIterator[SqlApiKeys]:
    opened = SqlApiKeys(inside(records_location, "api_keys"))
    yield opened
    await opened.close()


async def test_key_is_found_as_it_was_put_and_its_text_is_in_no_file(keys: SqlApiKeys, records_location: Place) -> None:
    scoped = key(role=Role.OPERATOR, depots=frozenset({DepotId("south"), DepotId("north")}))
    text = new_api_key(scoped.key_id)

    await keys.put(scoped, digest_of(text), event=None)

    assert await keys.find(scoped.key_id) == (scoped, digest_of(text))
    assert await keys.find("00000000000000ff") is None
    assert files_holding(records_location, text.rpartition("_")[2].encode()) == []


async def test_keys_of_a_tenant_are_the_newest_first_and_no_other_tenant_s(keys: SqlApiKeys) -> None:
    older, newer = key(), key("00000000000000a2", created_at=NOON + SECOND)
    for each in (older, newer, key("00000000000000b1", tenant_id=RIVAL)):
        await keys.put(each, "digest", event=None)

    assert await keys.of_tenant(ACME) == [newer, older]


async def test_put_again_replaces_the_key_of_the_same_tenant_only(keys: SqlApiKeys) -> None:
    await keys.put(key(), "first", event=None)
    await keys.put(key(), "second", event=None)
    await keys.put(key(tenant_id=RIVAL), "third", event=CREATED)

    assert await keys.find(key().key_id) == (key(), "second")
    assert await keys.pending.oldest(10) == []


async def test_events_of_changes_are_pending_in_order_until_they_are_forgotten(
    keys: SqlApiKeys, records_location: Place
) -> None:
    await keys.put(key(), "digest", event=CREATED)
    for _ in range(2):
        await keys.revoke(key().key_id, by=ANNA, at=NOON, event=REVOKED)
    other_process = SqlApiKeys(inside(records_location, "api_keys"))

    created, revoked = await other_process.pending.oldest(10)
    assert (created.event, revoked.event) == (CREATED.event, REVOKED.event)
    assert created.stream == STREAM
    assert await keys.pending.oldest(1, STREAM) == [created]
    assert await keys.pending.oldest(10, api_key_stream(RIVAL, "00000000000000a1")) == []
    await keys.pending.forget(created.number)
    assert await other_process.pending.oldest(10) == [revoked]
    await other_process.close()


async def test_first_revocation_counts_and_another_process_sees_it_at_once(
    keys: SqlApiKeys, records_location: Place
) -> None:
    other_process = SqlApiKeys(inside(records_location, "api_keys"))
    await keys.put(key(), "digest", event=None)

    await keys.revoke(key().key_id, by=ANNA, at=NOON, event=REVOKED)
    await other_process.revoke(key().key_id, by=BERT, at=NOON + SECOND, event=REVOKED)

    revoked = replace(key(), revoked_at=NOON, revoked_by=ANNA)
    assert await other_process.find(key().key_id) == (revoked, "digest")
    await other_process.close()


async def test_last_use_is_recorded_at_most_once_a_minute(keys: SqlApiKeys) -> None:
    await keys.put(key(), "digest", event=None)

    seen = []
    for seconds in (0, 59, 60):
        await keys.used({key().key_id: NOON + seconds * SECOND, "00000000000000ff": NOON})
        (shown,) = await keys.of_tenant(ACME)
        seen.append(shown.last_used_at)

    assert seen == [NOON, NOON, NOON + 60 * SECOND]
