"""A receiver with a certificate of a test authority, and a sender that trusts it."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from access_policy.adapters.outgoing.trust import Trust as CaTrust
from access_policy.adapters.webhooks.sender import HttpsWebhookSender
from tests.support.certificates import Files, TestAuthority
from tests.support.webhook_receiver import HOST, WebhookReceiver, webhook_receiver

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@dataclass(frozen=True)
class Trust:
    ca: Path
    certificate: Files


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    authority = TestAuthority(tmp_path_factory.mktemp("authority"))
    return Trust(authority.certificate, authority.issue("receiver", host=HOST))


@pytest.fixture
async def receiver(trust: Trust) -> AsyncIterator[WebhookReceiver]:
    async with webhook_receiver(trust.certificate) as made:
        yield made


class Names:
    """A name server that answers one list of addresses after the other, and then the last one again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def sender(trust: Trust) -> AsyncIterator[HttpsWebhookSender]:
    made = HttpsWebhookSender(LOOPBACK, CaTrust(trust.ca), lookup=Names(["127.0.0.1"]))
    yield made
    await made.close()
