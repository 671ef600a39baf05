"""Settings with which webhooks cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from access_policy.application.context import Context
from access_policy.application.webhooks.registrations import WebhookDraft
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.ids import ActorId, TenantId
from access_policy.domain.webhooks.errors import WebhooksNotHere
from access_policy.entrypoints.processes.safety import NotAllowed, refuse_unsafe
from access_policy.settings import Settings


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_ca_of_receivers_that_cannot_be_read_stops_the_start_with_one_line(tmp_path: Path, content: str | None) -> None:
    ca = tmp_path / "ca.pem"
    if content is not None:
        ca.write_text(content)

    with pytest.raises(NotAllowed, match=r"ca\.pem: not a readable file .* correct ACCESS_POLICY_CA_FILE") as refused:
        refuse_unsafe(Settings(data=tmp_path, ca_file=ca))

    assert "\n" not in str(refused.value)


def test_networks_that_are_none_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"10\.0\.0\.0/8"):
        Settings(webhook_networks="10.0.0.1/99")


async def test_webhook_of_an_installation_with_an_external_bus_is_refused_with_what_to_do(tmp_path: Path) -> None:
    container = Container(settings=Settings(data=tmp_path, bus_url="eventbridge://bus?region=eu-west-1"))
    context = Context(tenant_id=TenantId("acme"), actor=ActorId("a"), correlation_id="1")
    draft = WebhookDraft(name="Hook", url="https://hooks.example/", preset="denied_vehicle")

    with pytest.raises(WebhooksNotHere, match="API destination"):
        await container.publishing.registrations().create(context, draft)

    await close_opened(container)
