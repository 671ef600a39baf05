"""Changes of API keys and webhooks in the audit: the records verify requests and receive events, the events tell who changed
them, and no failure leaves one without the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from access_policy.adapters.event_stores.serde import DOMAIN_SERDE
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import TenantId
from tests.support.http_api import HttpApi
from tests.unit.http.test_audit import entries

KEYS, HOOKS = "/v1/api-keys", "/v1/webhooks"
DISPLAY = {"name": "Yard display", "role": "viewer", "depot_ids": ["north"]}
HOOK = {"name": "Night shift", "url": "https://hooks.example:8443/token-4711?key=4712", "preset": "denied_vehicle"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@contextmanager
def failing_appends(api: HttpApi, times: int = 1) -> Iterator[None]:
    store = api.container.stores.store()
    append, left = store.append, [times]

    async def fails(appends: Any) -> int:
        if left[0] == 0:
            return await append(appends)
        left[0] -= 1
        raise StoreUnavailable("down")

    store.append = fails  # type: ignore[method-assign]
    try:
        yield
    finally:
        store.append = append  # type: ignore[method-assign]


async def changed(api: HttpApi, kind: str) -> list[Any]:
    """The audit's entries of the kind, oldest first."""
    return (await entries(api, f"subject_kind={kind}&limit=200"))[::-1]


def values(entry: Any) -> dict[str, tuple[str | None, str | None]]:
    return {each["field"]: (each["old"], each["new"]) for each in entry["changes"]}


async def stored(api: HttpApi) -> str:
    """All events of the log, as their bytes."""
    log = await api.container.stores.store().read_log(after=0, limit=10_000)
    return "\n".join(DOMAIN_SERDE.encode(each.event, each.envelope)[1].decode() for each in log)


async def test_api_key_created_and_revoked_appears_with_its_request_and_in_words(api: HttpApi) -> None:
    headers = {"X-Request-Id": "req-1", "Idempotency-Key": "once"}
    made = (await api.send("POST", KEYS, DISPLAY, headers=headers)).json()
    for _ in range(2):
        await api.send("DELETE", f"{KEYS}/{made['key_id']}", headers={"X-Request-Id": "req-2"})

    created, revoked = await changed(api, "api_key")

    assert values(created) == {
        "name": (None, "Yard display"),
        "role": (None, "viewer"),
        "depots": (None, "north"),
        "expires at": (None, "2027-02-16T12:00:00Z"),
    }
    assert created["request"] == {
        "request_id": "req-1",
        "operation": "create_api_key",
        "address": "127.0.0.1",
        "idempotency_key": "once",
    }
    assert values(revoked) == {name: (new, None) for name, (_, new) in values(created).items()}
    assert [each["event"] for each in (created, revoked)] == ["api_key_created", "api_key_revoked"]
    assert {each["actor"] for each in (created, revoked)} == {"tester"}
    assert (revoked["request"]["operation"], revoked["request"]["request_id"]) == ("revoke_api_key", "req-2")


async def test_webhook_created_changed_rotated_and_removed_appears_in_words(api: HttpApi) -> None:
    path = f"{HOOKS}/{(await api.done('POST', HOOKS, HOOK))['webhook_id']}"
    await api.send("PUT", path, {**HOOK, "name": "Day shift", "enabled": False})
    await api.send("PUT", path, {**HOOK, "name": "Day shift", "enabled": False, "url": HOOK["url"] + "3"})
    await api.send("PUT", path, {**HOOK, "name": "Day shift", "enabled": False, "url": HOOK["url"] + "3"})
    api.container.clock().forward(hours=1)
    await api.send("POST", f"{path}/rotate-secret", {"secret": SECRET})
    await api.send("DELETE", path)

    created, renamed, moved, rotated, removed = await changed(api, "webhook")

    assert values(created)["receiver"] == (None, "https://hooks.example:8443")
    assert values(renamed) == {"name": ("Night shift", "Day shift"), "enabled": ("yes", "no")}
    assert values(moved) == {"path of the URL": (None, "another since 2026-11-18T12:00:00Z")}
    assert rotated["part"] == "secret"
    assert values(rotated) == {
        "secret": (None, "another since 2026-11-18T13:00:00Z"),
        "old secret signs until": (None, "2026-11-19T13:00:00Z"),
    }
    assert values(removed)["name"] == ("Day shift", None)
    assert [each["request"]["operation"] for each in (created, renamed, rotated, removed)] == [
        "create_webhook",
        "change_webhook",
        "rotate_webhook_secret",
        "remove_webhook",
    ]


async def test_webhook_disabled_by_the_service_appears_with_the_reason(api: HttpApi) -> None:
    hook = (await api.done("POST", HOOKS, HOOK))["webhook_id"]
    webhook = await api.container.records.webhooks().find(TenantId("acme"), hook)
    await api.container.publishing.deliveries().disable(webhook, "the receiver answered 410 Gone")

    _, disabled = await changed(api, "webhook")

    assert disabled["actor"] == "system"
    assert values(disabled) == {"enabled": ("yes", "no"), "disabled because": (None, "the receiver answered 410 Gone")}


async def test_events_of_keys_and_webhooks_have_neither_key_nor_secret_nor_path_and_are_chained(api: HttpApi) -> None:
    key = await api.done("POST", KEYS, DISPLAY)
    hook = await api.done("POST", HOOKS, {**HOOK, "secret": SECRET})
    await api.send("POST", f"{HOOKS}/{hook['webhook_id']}/rotate-secret", {})
    _, digest = await api.container.records.api_keys().find(key["key_id"])

    log = await stored(api)
    for secret in (key["key"], key["key"].rpartition("_")[2], digest, SECRET.removeprefix("whsec_"), "4711", "4712"):
        assert secret not in log
    assert await api.container.auditing.chainer().catch_up() == await api.position()
    assert (await api.container.auditing.verifier().verify()).holds


@pytest.mark.parametrize("fails", [1, 2])
async def test_api_key_whose_event_cannot_be_appended_works_after_a_repetition_only(api: HttpApi, fails: int) -> None:
    headers = {"Idempotency-Key": "once"}
    with failing_appends(api, fails):
        for _ in range(fails):
            refused = await api.send("POST", KEYS, DISPLAY, headers=headers)
            assert refused.status_code == 503
            assert "ap_live_" not in refused.text
    api.container.clock().forward(minutes=1)
    made = (await api.send("POST", KEYS, DISPLAY, headers=headers)).json()

    (created,) = await changed(api, "api_key")
    (listed,) = (await api.get(KEYS)).json()["items"]

    assert (created["subject_id"], values(created)["expires at"][1]) == (made["key_id"], made["expires_at"])
    assert listed["key_id"] == made["key_id"]
    answer = await api.client.get("/v1/depots", headers={"Authorization": f"Bearer {made['key']}"})
    assert answer.status_code == 200


async def test_api_key_whose_revocation_cannot_be_appended_is_revoked_and_the_job_records_it(api: HttpApi) -> None:
    made = await api.done("POST", KEYS, DISPLAY)
    with failing_appends(api):
        assert (await api.send("DELETE", f"{KEYS}/{made['key_id']}")).status_code == 503

    answer = await api.client.get("/v1/depots", headers={"Authorization": f"Bearer {made['key']}"})
    await api.container.records.api_key_changes().append()

    assert answer.status_code == 401
    assert [each["event"] for each in await changed(api, "api_key")] == ["api_key_created", "api_key_revoked"]


async def test_webhook_whose_event_cannot_be_appended_is_the_same_one_after_a_repetition(api: HttpApi) -> None:
    headers = {"Idempotency-Key": "once"}
    with failing_appends(api):
        assert (await api.send("POST", HOOKS, HOOK, headers=headers)).status_code == 503
    again = await api.send("POST", HOOKS, HOOK, headers=headers)
    path = f"{HOOKS}/{again.json()['webhook_id']}"
    rotation = {"Idempotency-Key": "rotate once", "If-Match": '"1"'}
    with failing_appends(api):
        assert (await api.send("POST", f"{path}/rotate-secret", {}, headers=rotation)).status_code == 503
    rotated = await api.send("POST", f"{path}/rotate-secret", {}, headers=rotation)
    with failing_appends(api):
        assert (await api.send("DELETE", path)).status_code == 503
    assert (await api.send("DELETE", path)).status_code == 404

    assert (again.status_code, rotated.status_code, rotated.json()["version"]) == (201, 200, 2)
    events = [each["event"] for each in await changed(api, "webhook")]
    assert events == ["webhook_created", "webhook_secret_rotated", "webhook_removed"]


async def test_events_of_a_change_appended_by_two_processes_at_once_are_in_the_log_once(api: HttpApi) -> None:
    with failing_appends(api):
        await api.send("POST", KEYS, DISPLAY)
    changes = api.container.records.api_key_changes()

    await asyncio.gather(*(changes.append() for _ in range(4)))

    assert [each["event"] for each in await changed(api, "api_key")] == ["api_key_created"]
    assert await api.container.records.api_keys().pending.oldest(10) == []
