"""The queries that do more than read a view."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.report_files.parquet import ParquetFiles
from access_policy.application.commands.rule_previews import RulePreviews
from access_policy.application.digests.watch import DigestWatch
from access_policy.application.plan.free_windows import FreeWindows
from access_policy.application.plan.gathering import FactsGatherer
from access_policy.application.plan.reader import PlanReader
from access_policy.application.ports.clock import Clock
from access_policy.application.queries.access_report import AccessReports
from access_policy.application.queries.audit_entries import AuditExport
from access_policy.application.queries.charger_energy import ChargerNarrowings
from access_policy.application.queries.charger_export import ChargerExport
from access_policy.application.queries.energy_report import EnergyReports
from access_policy.application.queries.explained_attempt import ExplainedAttempts
from access_policy.application.queries.mode_compliance import ModeCompliance
from access_policy.application.queries.open_while_managed import OpenWhileManaged
from access_policy.application.queries.probe import Probe
from access_policy.application.queries.registry_export import RegistryExport
from access_policy.application.queries.reservation_report import ReservationReports
from access_policy.application.queries.site_state import SiteStates
from access_policy.application.queries.unenrolled_identifiers import UnenrolledIdentifiers
from access_policy.application.what_if.energy import EnergyWhatIf
from access_policy.application.what_if.recent import RecentWhatIf
from access_policy.application.what_if.replay import WhatIf


class Queries(containers.DeclarativeContainer):
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()
    read_side = providers.DependenciesContainer()
    deciding = providers.DependenciesContainer()
    chargers = providers.DependenciesContainer()
    auditing = providers.DependenciesContainer()

    explained_attempts = providers.Singleton(ExplainedAttempts, stores.store, deciding.policies, deciding.view)
    audit_export = providers.Singleton(AuditExport, read_side.views)
    access_reports = providers.Singleton(
        AccessReports, read_side.views, deciding.view.provided.zone_of, deciding.view.provided.depots_of
    )
    unenrolled_identifiers = providers.Singleton(UnenrolledIdentifiers, read_side.views, deciding.view.provided.zone_of)
    parquet_files = providers.Singleton(ParquetFiles)
    mode_compliance = providers.Singleton(ModeCompliance, stores.store, read_side.views, deciding.profiles, clock)
    open_while_managed = providers.Singleton(
        OpenWhileManaged, deciding.view, deciding.profiles, chargers.connections.provided.connected, clock
    )
    digests = providers.Singleton(
        DigestWatch,
        deciding.view,
        stores.store,
        clock,
        access_reports,
        mode_compliance,
        read_side.models.provided.followed_to,
    )
    probe = providers.Singleton(Probe, deciding.view, deciding.profiles, chargers.connections, read_side.views)
    registry_export = providers.Singleton(
        RegistryExport,
        read_side.views,
        records.vault,
        stores.store,
        read_side.models.provided.followed_to,
        auditing.readings,
    )
    charger_export = providers.Singleton(
        ChargerExport, deciding.policies, stores.store, read_side.models.provided.followed_to
    )
    what_if = providers.Singleton(WhatIf, deciding.view, read_side.views, stores.pseudonyms, clock, deciding.profiles)
    recent_what_if = providers.Singleton(RecentWhatIf, what_if, clock)
    plan_facts = providers.Singleton(
        FactsGatherer, read_side.views, deciding.view, deciding.recent_activity, deciding.profiles
    )
    plan = providers.Singleton(PlanReader, read_side.views, deciding.view, plan_facts, clock)
    reservation_reports = providers.Singleton(
        ReservationReports, read_side.views, deciding.view.provided.zone_of, clock
    )
    site_states = providers.Singleton(
        SiteStates,
        deciding.view,
        deciding.energy_gates,
        deciding.recent_activity,
        read_side.views,
        clock,
    )
    charger_narrowings = providers.Singleton(ChargerNarrowings, read_side.views, deciding.energy_gates, clock)
    energy_what_if = providers.Singleton(EnergyWhatIf, read_side.views, deciding.view)
    energy_reports = providers.Singleton(
        EnergyReports, read_side.views, deciding.view.provided.zone_of, deciding.view.provided.depots_of, clock
    )
    free_windows = providers.Singleton(FreeWindows, deciding.view, clock, deciding.profiles)
    rule_previews = providers.Singleton(RulePreviews, deciding.policies, clock)
