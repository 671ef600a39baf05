"""`/v1/webhooks`: who may do what, what is shown once, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from access_policy.adapters.webhooks.sender import HttpsWebhookSender
from access_policy.application.ports.webhooks import Attempt, DeliveryState, Message
from access_policy.application.webhooks import registrations
from access_policy.domain.ids import TenantId
from tests.support.builders import NOON
from tests.support.http_api import HttpApi

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = {"name": "Night shift", "url": "https://hooks.example/a", "preset": "denied_vehicle"}
PATTERN = {"detail-type": [{"prefix": "Access"}]}


async def created(api: HttpApi, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = await api.done("POST", "/v1/webhooks", {**HOOK, **changes})
    return made


async def test_webhook_created_shows_its_secret_once_and_is_read_changed_and_removed(api: HttpApi) -> None:
    made = await created(api)
    path = f"/v1/webhooks/{made['webhook_id']}"
    shown = await api.get(path)
    listed = (await api.get("/v1/webhooks")).json()["items"]
    assert made["secret"].startswith("whsec_")
    assert "secret" not in shown.json()
    assert listed == [shown.json()]
    assert shown.json()["pattern"] == {"source": ["betterfleet.access-policy"], "detail-type": ["AccessDenied"]}
    assert shown.headers["ETag"] == '"1"'

    changed = await api.send("PUT", path, {"name": "Day", "url": HOOK["url"], "pattern": PATTERN})
    stale = await api.send("PUT", path, HOOK, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["version"], changed.json()["preset"]) == (200, 2, None)
    assert changed.json()["pattern"] == PATTERN
    assert stale.status_code == 412

    assert (await api.send("DELETE", path)).status_code == 204
    assert (await api.get(path)).status_code == 404


async def test_webhook_secret_rotated_shows_the_new_one_and_when_the_old_one_ends(api: HttpApi) -> None:
    made = await created(api)
    path = f"/v1/webhooks/{made['webhook_id']}/rotate-secret"
    given = (await api.send("POST", path, {"secret": SECRET})).json()
    again = await api.send("POST", path, {"secret": SECRET})
    new = (await api.send("POST", path, {})).json()

    assert given["secret"] == SECRET
    assert given["old_secret_until"] == "2026-11-19T12:00:00Z"
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (422, "/secret")
    assert new["secret"] not in (SECRET, made["secret"])


async def test_webhook_created_again_with_the_same_idempotency_key_is_the_same_one(api: HttpApi) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await api.send("POST", "/v1/webhooks", HOOK, headers=headers)
    second = await api.send("POST", "/v1/webhooks", HOOK, headers=headers)

    assert first.json() == second.json()
    assert len((await api.get("/v1/webhooks")).json()["items"]) == 1


async def test_webhook_of_another_tenant_is_not_found_by_any_operation(api: HttpApi) -> None:
    path = f"/v1/webhooks/{(await created(api))['webhook_id']}"
    for method, rest, body in (
        ("GET", "", None),
        ("PUT", "", HOOK),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", {}),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
        ("POST", "/deliveries/e/redeliver", None),
        ("POST", "/redeliver-dead-letters", None),
    ):
        answer = await api.send(method, path + rest, body, tenant="other")
        assert answer.status_code == 404, rest
    assert (await api.get("/v1/webhooks", tenant="other")).json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "pointer", "told"),
    [
        ({"url": "http://hooks.example/"}, "/url", "https"),
        ({"url": "https://me:secret@hooks.example/"}, "/url", "user name"),
        ({"url": "https://127.0.0.1/"}, "/url", "ACCESS_POLICY_WEBHOOK_NETWORKS"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url", "not a public address"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url", "not a public address"),
        ({"url": "https://hooks.example:99999/"}, "/url", "cannot be read"),
        ({"url": "https://hooks.example/a b"}, "/url", "spaces"),
        ({"preset": "nothing"}, "/preset", "denied_vehicle"),
        ({"preset": None}, "/pattern", "either"),
        ({"pattern": PATTERN}, "/pattern", "either"),
        ({"preset": None, "pattern": {"detail-type": "AccessDenied"}}, "/pattern", "rule pattern"),
        ({"preset": None, "pattern": {"source": ["x" * 5000]}}, "/pattern", "longer"),
        ({"secret": "whsec_c2hvcnQ="}, "/secret", "24 to 64"),
        ({"secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "/secret", "whsec_"),
        ({"name": " "}, "/name", "empty"),
    ],
)
async def test_webhook_with_a_fault_is_refused_with_its_place(
    api: HttpApi, changes: dict[str, Any], pointer: str, told: str
) -> None:
    answer = await api.send("POST", "/v1/webhooks", {**HOOK, **changes})

    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert told in error["message"]


async def test_webhook_log_shows_deliveries_by_state_and_queues_them_again(api: HttpApi) -> None:
    hook = (await created(api))["webhook_id"]
    key, queue = (TenantId("acme"), hook), api.container.records.webhook_queue()
    for number in range(3):
        message = Message(key=key, event_id=f"e{number}", event_type="AccessDenied", aggregate="a", body=b"{}")
        await queue.enqueue(message, now=NOON)
    (first,) = await queue.due(key, now=NOON, limit=9)
    attempt = Attempt(at=NOON, status=500, detail="broken", took_ms=7)
    await queue.finish(replace(first, state=DeliveryState.DEAD_LETTER, finished_at=NOON, tries=1, attempts=(attempt,)))
    path = f"/v1/webhooks/{hook}"

    page = (await api.get(f"{path}/deliveries?limit=2")).json()
    rest = (await api.get(f"{path}/deliveries?limit=2&cursor={page['next_cursor']}")).json()
    (dead,) = (await api.get(f"{path}/deliveries?state=dead_letter")).json()["items"]
    assert [each["event_id"] for each in (*page["items"], *rest["items"])] == ["e2", "e1", "e0"]
    assert [each["state"] for each in page["items"]] == ["waiting", "queued"]
    assert dead["attempts"] == [
        {"at": "2026-11-18T12:00:00Z", "delivered": False, "status": 500, "detail": "broken", "took_ms": 7}
    ]
    assert (await api.get(f"{path}/deliveries?cursor=x")).status_code == 422

    waits = await api.send("POST", f"{path}/deliveries/e2/redeliver")
    unknown = await api.send("POST", f"{path}/deliveries/e9/redeliver")
    assert (waits.status_code, unknown.status_code) == (409, 404)
    assert await api.done("POST", f"{path}/deliveries/e0/redeliver", None) == {"deliveries": 1}
    assert await api.done("POST", f"{path}/redeliver-dead-letters", None) == {"deliveries": 0}


async def test_webhook_tested_answers_with_what_the_receiver_said(api: HttpApi) -> None:
    class Receiver(HttpsWebhookSender):
        async def send(self, url: str, headers: dict[str, str], body: bytes, *, now: Any) -> Attempt:
            assert b'"type":"WebhookTest"' in body
            return Attempt(at=now, status=401, detail="who are you?", took_ms=2)

    path = f"/v1/webhooks/{(await created(api))['webhook_id']}"
    made = api.container.publishing.registrations()
    api.replace_part("publishing.registrations", replace(made, sender=Receiver()))
    tested = await api.done("POST", f"{path}/test", None)

    assert (tested["delivered"], tested["status"], tested["detail"]) == (False, 401, "who are you?")
    assert (await api.get(f"{path}/deliveries")).json()["items"] == []


async def test_tenant_has_a_bounded_number_of_webhooks(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "WEBHOOKS_MAX", 1)
    await created(api)
    refused = await api.send("POST", "/v1/webhooks", HOOK)

    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "too-many-webhooks")


async def test_presets_are_patterns_that_a_webhook_may_have(api: HttpApi) -> None:
    for preset in (await api.get("/v1/webhook-presets")).json()["items"]:
        made = await created(api, preset=None, pattern=preset["pattern"])
        assert made["pattern"] == preset["pattern"]
