"""One delivery against a real HTTPS server: where it connects to, what it reads, and how long it waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.responses import RedirectResponse, Response, StreamingResponse

from access_policy.adapters.outgoing.trust import Trust as CaTrust
from access_policy.adapters.webhooks import sender as module
from access_policy.adapters.webhooks.sender import HttpsWebhookSender
from tests.integration.webhooks.conftest import LOOPBACK, Names, Trust
from tests.support.builders import NOON
from tests.support.webhook_receiver import HOST, Received, WebhookReceiver, status, webhook_receiver


async def test_sender_given_a_name_connects_to_its_address_and_verifies_the_name(
    sender: HttpsWebhookSender, receiver: WebhookReceiver
) -> None:
    attempt = await sender.send(receiver.url(HOST), {"webhook-id": "1"}, b"{}", now=NOON)

    assert (attempt.status, attempt.is_delivered) == (204, True), attempt.detail
    assert receiver.received[0].headers["host"] == f"{HOST}:{receiver.port}"
    assert receiver.received[0].body == b"{}"


async def test_sender_given_a_certificate_of_another_name_sends_nothing(
    sender: HttpsWebhookSender, receiver: WebhookReceiver
) -> None:
    attempt = await sender.send(receiver.url("other.example"), {}, b"{}", now=NOON)

    assert attempt.status is None
    assert "CERTIFICATE_VERIFY_FAILED" in attempt.detail
    assert receiver.received == []


async def test_sender_given_a_name_that_changes_its_address_connects_only_to_the_address_it_checked(
    trust: Trust, receiver: WebhookReceiver
) -> None:
    names = Names(["203.0.113.7"], ["127.0.0.1"])  # public when it is checked, loopback for whoever asks again
    sender = HttpsWebhookSender((), CaTrust(trust.ca), lookup=names, timeout_s=0.5)

    attempt = await sender.send(receiver.url(HOST), {}, b"{}", now=NOON)
    again = await sender.send(receiver.url(HOST), {}, b"{}", now=NOON)
    await sender.close()

    assert names.asked == 2, "once for each delivery"
    assert attempt.status is None
    assert "127.0.0.1 is not a public address" in again.detail
    assert receiver.received == []


async def test_sender_given_a_name_with_one_private_address_among_public_ones_sends_nothing(
    trust: Trust, receiver: WebhookReceiver
) -> None:
    sender = HttpsWebhookSender((), CaTrust(trust.ca), lookup=Names(["93.184.215.14", "127.0.0.1"]))

    attempt = await sender.send(receiver.url(HOST), {}, b"{}", now=NOON)
    await sender.close()

    assert "127.0.0.1 is not a public address" in attempt.detail
    assert receiver.received == []


async def test_sender_given_an_address_that_refuses_tries_the_next_one(trust: Trust, receiver: WebhookReceiver) -> None:
    sender = HttpsWebhookSender(LOOPBACK, CaTrust(trust.ca), lookup=Names(["127.0.0.2", "127.0.0.1"]))

    attempt = await sender.send(receiver.url(HOST), {}, b"{}", now=NOON)
    await sender.close()

    assert attempt.is_delivered, attempt.detail
    assert len(receiver.received) == 1


async def test_sender_given_a_redirect_does_not_follow_it(
    sender: HttpsWebhookSender, receiver: WebhookReceiver
) -> None:
    async def elsewhere(_: Received) -> Response:
        return RedirectResponse(receiver.url(path="/elsewhere"))

    receiver.answer = elsewhere
    attempt = await sender.send(receiver.url(), {}, b"{}", now=NOON)

    assert (attempt.status, attempt.is_delivered) == (307, False)
    assert "not followed" in attempt.detail
    assert len(receiver.received) == 1


async def test_sender_given_a_response_without_end_reads_a_bounded_part(
    sender: HttpsWebhookSender, receiver: WebhookReceiver
) -> None:

    async def for_ever() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 8192
            await asyncio.sleep(0)  # the server notices that nobody reads any more

    async def endless(_: Received) -> Response:
        return StreamingResponse(for_ever(), 500)

    receiver.answer = endless
    attempt = await sender.send(receiver.url(), {}, b"{}", now=NOON)

    assert attempt.status == 500
    assert attempt.detail == "x" * module.SHOWN_MAX


@pytest.mark.parametrize("drips", [False, True])
async def test_sender_given_a_receiver_that_does_not_finish_gives_up(trust: Trust, drips: bool) -> None:
    async def slow(_: Received) -> Response:
        if not drips:
            await asyncio.Event().wait()

        async def drip() -> AsyncIterator[bytes]:
            while True:
                yield b"."
                await asyncio.sleep(0.02)

        return StreamingResponse(drip(), 503)

    sender = HttpsWebhookSender(LOOPBACK, CaTrust(trust.ca), timeout_s=0.5)
    async with webhook_receiver(trust.certificate, slow) as receiver:
        attempt = await sender.send(receiver.url(), {}, b"{}", now=NOON)
    await sender.close()

    assert (attempt.status, attempt.detail) == (None, "no complete response within 0.5 s")


async def test_sender_given_retry_after_reports_it(sender: HttpsWebhookSender, receiver: WebhookReceiver) -> None:
    receiver.answer = status(429, **{"Retry-After": "120"})
    attempt = await sender.send(receiver.url(), {}, b"{}", now=NOON)

    assert (attempt.status, attempt.retry_after_s) == (429, 120.0)


async def test_sender_given_a_name_server_that_does_not_answer_holds_one_thread_for_it(trust: Trust) -> None:
    import threading

    asked, answer = 0, threading.Event()

    def silent(host: str, port: int) -> list[str]:
        nonlocal asked
        asked += 1
        answer.wait(30)
        return ["127.0.0.1"]

    sender = HttpsWebhookSender(LOOPBACK, CaTrust(trust.ca), lookup=silent, timeout_s=0.2)
    tries = [sender.send(f"https://{HOST}/", {}, b"{}", now=NOON) for _ in range(10)]
    attempts = await asyncio.gather(*tries)
    answer.set()
    await sender.close()

    assert {each.detail for each in attempts} == {"no complete response within 0.2 s"}
    assert asked == 1
