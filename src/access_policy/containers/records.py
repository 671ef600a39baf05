"""The records: durable data other than events and read models, each in its own file or all in one database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from dependency_injector import containers, providers

from access_policy.adapters.local_files.erasure_list import FILE, ErasureList, Forgotten
from access_policy.adapters.records.api_keys import SqlApiKeys
from access_policy.adapters.records.audit_chains import SqlAuditChains
from access_policy.adapters.records.charger_credentials import SqlChargerCredentials
from access_policy.adapters.records.console_sessions import SqlConsoleSessions
from access_policy.adapters.records.heartbeats import SqlHeartbeats
from access_policy.adapters.records.idempotency import SqlIdempotencyRecords
from access_policy.adapters.records.import_plans import SqlChargerImportPlans, SqlDispatchPlans, SqlImportPlans
from access_policy.adapters.records.intake import SqlIntakeRecords
from access_policy.adapters.records.lists_sent import SqlListsSent
from access_policy.adapters.records.login_links import SqlLoginLinks
from access_policy.adapters.records.ocpi_bookings import SqlOcpiBookings
from access_policy.adapters.records.ocpi_partners import SqlOcpiPartners
from access_policy.adapters.records.ocpi_tokens import SqlOcpiTokens
from access_policy.adapters.records.oscp_forecasts import SqlOscpForecasts
from access_policy.adapters.records.oscp_providers import SqlOscpProviders
from access_policy.adapters.records.unknown_identifiers import SqlUnknownIdentifiers
from access_policy.adapters.records.vehicle_vault import SqlVehicleVault
from access_policy.adapters.records.webhook_queue import SqlWebhookQueue
from access_policy.adapters.records.webhooks import SqlWebhooks
from access_policy.adapters.secrets.remembered_credentials import RememberedCredentials
from access_policy.application.audit.record_changes import RecordChanges
from access_policy.settings import Settings


def listing(erasures: ErasureList, kind: Forgotten) -> Callable[[Sequence[str]], None]:
    return lambda ids: erasures.add(kind, ids)


class Records(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    stores = providers.DependenciesContainer()

    location = stores.installation.provided.records_named
    keys = stores.installation.provided.keys

    erasure_list = providers.Singleton(
        ErasureList, providers.Callable(Path.joinpath, settings.provided.data, FILE), keys.vault, stores.clock
    )
    vault = providers.Resource(
        SqlVehicleVault,
        location.call("vault"),
        keys.vault,
        forgotten=providers.Factory(listing, erasure_list, Forgotten.VEHICLE_KEY),
    )
    unknown_identifiers = providers.Resource(
        SqlUnknownIdentifiers,
        location.call("unknown_identifiers"),
        keys.vault,
        retention=providers.Factory(timedelta, days=settings.provided.unknown_identifier_days),
    )
    stored_credentials = providers.Resource(SqlChargerCredentials, location.call("credentials"), keys.charger_passwords)
    credentials = providers.Singleton(RememberedCredentials, stored_credentials)
    idempotency = providers.Resource(SqlIdempotencyRecords, location.call("idempotency"), keys.vault)
    api_keys = providers.Resource(
        SqlApiKeys, location.call("api_keys"), revoked=providers.Factory(listing, erasure_list, Forgotten.API_KEY)
    )
    api_key_changes = providers.Singleton(RecordChanges, api_keys.provided.pending, stores.store)
    console_sessions = providers.Resource(SqlConsoleSessions, location.call("console_sessions"), keys.vault)
    login_links = providers.Resource(SqlLoginLinks, location.call("login_links"))
    import_plans = providers.Resource(SqlImportPlans, location.call("import_plans"), keys.vault)
    charger_import_plans = providers.Resource(SqlChargerImportPlans, location.call("import_plans"), keys.vault)
    dispatch_plans = providers.Resource(SqlDispatchPlans, location.call("import_plans"), keys.vault)
    lists_sent = providers.Resource(SqlListsSent, location.call("local_lists"))
    heartbeats = providers.Resource(SqlHeartbeats, location.call("heartbeats"))
    intake = providers.Resource(SqlIntakeRecords, location.call("intake"))
    audit_chains = providers.Resource(SqlAuditChains, location.call("audit"))
    webhooks = providers.Resource(SqlWebhooks, location.call("webhooks"), keys.vault)
    webhook_changes = providers.Singleton(RecordChanges, webhooks.provided.pending, stores.store)
    webhook_queue = providers.Resource(SqlWebhookQueue, location.call("webhooks"))
    ocpi_partners = providers.Resource(SqlOcpiPartners, location.call("ocpi"), keys.vault)
    ocpi_partner_changes = providers.Singleton(RecordChanges, ocpi_partners.provided.pending, stores.store)
    ocpi_bookings = providers.Resource(SqlOcpiBookings, location.call("ocpi"), keys.vault)
    ocpi_tokens = providers.Resource(SqlOcpiTokens, location.call("ocpi"), keys.vault)
    oscp_providers = providers.Resource(SqlOscpProviders, location.call("oscp"), keys.vault)
    oscp_provider_changes = providers.Singleton(RecordChanges, oscp_providers.provided.pending, stores.store)
    oscp_forecasts = providers.Resource(SqlOscpForecasts, location.call("oscp"), keys.vault)
