"""The names of streams: `tenant/kind/id`. Ids hold no `/` (see `domain.ids.checked_id`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from access_policy.application.ports.event_store import StreamId
from access_policy.domain.ids import AttemptId, ChargePointId, ChargerId, DepotId, TenantId
from access_policy.domain.tenants.tenant import INSTALLATION

CHARGE_POINT_STREAMS: Final = f"{INSTALLATION}/charge_point/"


def depot_stream(tenant_id: TenantId, depot_id: DepotId) -> StreamId:
    return StreamId(f"{tenant_id}/depot/{depot_id}")


def policy_stream(tenant_id: TenantId, charger_id: ChargerId) -> StreamId:
    return StreamId(f"{tenant_id}/charger_access_policy/{charger_id}")


def registry_stream(tenant_id: TenantId) -> StreamId:
    return StreamId(f"{tenant_id}/vehicle_registry/registry")


def reservation_book_stream(tenant_id: TenantId, depot_id: DepotId) -> StreamId:
    """The stream of a depot's reservations."""
    return StreamId(f"{tenant_id}/reservation_book/{depot_id}")


def site_energy_stream(tenant_id: TenantId, depot_id: DepotId) -> StreamId:
    """The stream of the energy of a depot's site."""
    return StreamId(f"{tenant_id}/site_energy/{depot_id}")


def attempt_stream(tenant_id: TenantId, attempt_id: AttemptId) -> StreamId:
    return StreamId(f"{tenant_id}/access_attempt/{attempt_id}")


def transaction_stream(tenant_id: TenantId, charger_id: ChargerId, transaction_id: str) -> StreamId:
    return StreamId(f"{tenant_id}/transaction/{charger_id}/{quote(transaction_id, safe='')}")


def driver_message_stream(tenant_id: TenantId, attempt_id: AttemptId) -> StreamId:
    """The stream of messages to the driver of the attempt, other than the response."""
    return StreamId(f"{tenant_id}/driver_message/{attempt_id}")


def pin_lockout_stream(tenant_id: TenantId, attempt_id: AttemptId) -> StreamId:
    """The stream of the lock-out that the attempt caused."""
    return StreamId(f"{tenant_id}/pin_lockout/{attempt_id}")


def enrolment_stream(tenant_id: TenantId, charger_id: ChargerId) -> StreamId:
    return StreamId(f"{tenant_id}/enrolment_session/{charger_id}")


def profile_stream(tenant_id: TenantId, name: str) -> StreamId:
    return StreamId(f"{tenant_id}/capability_profile/{quote(name, safe='')}")


def condition_stream(tenant_id: TenantId, charger_id: ChargerId) -> StreamId:
    return StreamId(f"{tenant_id}/charger_condition/{charger_id}")


def charge_point_stream(charge_point_id: ChargePointId) -> StreamId:
    """Return the charge point's stream. It belongs to the installation, not to a tenant: a charge point id is unique
    across tenants."""
    return StreamId(f"{CHARGE_POINT_STREAMS}{quote(charge_point_id, safe='')}")


def tenant_stream(tenant_id: TenantId) -> StreamId:
    """The stream of the tenant's record."""
    return StreamId(f"{tenant_id}/tenant/record")


def erasure_stream(tenant_id: TenantId) -> StreamId:
    """Return the stream of the tenant's erasures. It belongs to the installation, because it remains after the erasure."""
    return StreamId(f"{INSTALLATION}/tenant_erasure/{tenant_id}")


def restore_stream(restore_id: str) -> StreamId:
    """Return the stream of the restore, which belongs to the installation."""
    return StreamId(f"{INSTALLATION}/restore/{restore_id}")


def reading_stream(tenant_id: TenantId, reading_id: str) -> StreamId:
    """Return the stream of one reading of identifier values; each has its own, so that readers never contend."""
    return StreamId(f"{tenant_id}/identifier_reading/{reading_id}")


def api_key_stream(tenant_id: TenantId, key_id: str) -> StreamId:
    return StreamId(f"{tenant_id}/api_key/{key_id}")


def webhook_stream(tenant_id: TenantId, webhook_id: str) -> StreamId:
    return StreamId(f"{tenant_id}/webhook/{webhook_id}")


def ocpi_partner_stream(tenant_id: TenantId, partner_id: str) -> StreamId:
    return StreamId(f"{tenant_id}/ocpi_partner/{partner_id}")


def oscp_provider_stream(tenant_id: TenantId, record_id: str) -> StreamId:
    """Return the provider's stream; `record_id` names the depot and the provider."""
    return StreamId(f"{tenant_id}/oscp_provider/{quote(record_id, safe='')}")


def charger_call_stream(tenant_id: TenantId, call_id: str) -> StreamId:
    """Return the stream of one call of a person to a charger; each call has its own."""
    return StreamId(f"{tenant_id}/charger_call/{call_id}")


def notice_stream(tenant_id: TenantId, kind: str, subject_id: str, about: datetime) -> StreamId:
    """The stream of the notice of this kind about the subject at the instant."""
    return StreamId(f"{tenant_id}/{kind}/{subject_id}/{about.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}")


def tenant_of(stream: StreamId) -> TenantId:
    return TenantId(stream.split("/", 1)[0])


def aggregate_of(stream: StreamId) -> tuple[str, str]:
    """Return the kind and the id of the stream's aggregate."""
    _, kind, rest = stream.split("/", 2)
    return kind, rest
