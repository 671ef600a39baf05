"""OCPI: partners, their credentials, bookings and tokens, and pushes to them."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.ocpi.peers import HttpsOcpiPeers
from access_policy.adapters.outgoing.checked import CheckedRequests
from access_policy.adapters.outgoing.trust import Trust
from access_policy.application.ocpi_partners.changing import ChangePartner
from access_policy.application.ocpi_partners.credentials import OcpiCredentials
from access_policy.application.ocpi_partners.driver_tokens import OcpiDriverTokens
from access_policy.application.ocpi_partners.registrations import OcpiPartnerRegistrations
from access_policy.application.ports.clock import Clock
from access_policy.settings import Settings


class Ocpi(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    trust = providers.Dependency(instance_of=Trust)
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()
    deciding = providers.DependenciesContainer()

    requests = providers.Resource(CheckedRequests, settings.provided.webhook_networks, trust)
    peers = providers.Singleton(HttpsOcpiPeers, requests)
    change = providers.Singleton(ChangePartner, records.ocpi_partners, records.ocpi_partner_changes, clock)
    credentials = providers.Singleton(OcpiCredentials, change, peers)
    driver_tokens = providers.Singleton(OcpiDriverTokens, records.ocpi_tokens, stores.pseudonyms)
    registrations = providers.Singleton(OcpiPartnerRegistrations, change, peers, deciding.view)
