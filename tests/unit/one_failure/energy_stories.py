"""Every command on the energy of a depot's site."""

from __future__ import annotations

from access_policy.application.commands.put_energy_node import PutEnergyNode, PutEnergyNodeHandler
from access_policy.application.commands.put_energy_policy import PutEnergyPolicy, PutEnergyPolicyHandler
from access_policy.application.commands.receive_envelope import ReceiveEnvelope, ReceiveEnvelopeHandler
from access_policy.application.commands.record_measurements import (
    Measurement,
    RecordMeasurements,
    RecordMeasurementsHandler,
)
from access_policy.application.commands.remove_energy_node import RemoveEnergyNode, RemoveEnergyNodeHandler
from access_policy.application.commands.report_energy_source import ReportEnergySource, ReportEnergySourceHandler
from access_policy.application.commands.withdraw_envelope import WithdrawEnvelope, WithdrawEnvelopeHandler
from access_policy.application.intake.receiving import Intake
from access_policy.domain.site_energy.errors import EnergyNodeUnknown
from tests.support.builders import BAY, HOUR, NOON, NORTH
from tests.support.incoming import demand_measured, envelope_changed, envelope_withdrawn, source_offline
from tests.support.nth_call import Story
from tests.support.site_energy import E1, GRID, GRID_NODE, KW, NODE_1, charger_node, policy
from tests.unit.one_failure.command_stories import DEPOT, asks, past, story
from tests.unit.one_failure.registry_stories import taken

ROOT = PutEnergyNode(depot_id=NORTH, node=GRID_NODE)
CHARGER = PutEnergyNode(depot_id=NORTH, node=charger_node(NODE_1, BAY, GRID))
POLICY = PutEnergyPolicy(depot_id=NORTH, policy=policy())
OPTED_IN = (*DEPOT, ROOT, POLICY)
ENVELOPE = ReceiveEnvelope(
    envelope_id=E1,
    depot_id=NORTH,
    node_id=GRID,
    source="dso",
    sequence=1,
    valid_from=NOON,
    valid_until=NOON + HOUR,
    import_limit_w=200 * KW,
)
MEASURED = Measurement(depot_id=NORTH, node_id=GRID, observed_at=NOON, demand_w=KW)

ENERGY: tuple[Story, ...] = (
    story("put an energy node", PutEnergyNodeHandler, (*DEPOT, ROOT), asks(CHARGER)),
    story(
        "remove an energy node",
        RemoveEnergyNodeHandler,
        (*DEPOT, ROOT),
        asks(RemoveEnergyNode(depot_id=NORTH, node_id=GRID)),
        EnergyNodeUnknown,
    ),
    story("put the energy policy", PutEnergyPolicyHandler, DEPOT, asks(POLICY)),
    story("receive an operating envelope", ReceiveEnvelopeHandler, OPTED_IN, asks(ENVELOPE)),
    story(
        "withdraw an operating envelope",
        WithdrawEnvelopeHandler,
        (*OPTED_IN, ENVELOPE),
        asks(WithdrawEnvelope(envelope_id=E1)),
    ),
    story("record measurements", RecordMeasurementsHandler, OPTED_IN, asks(RecordMeasurements(items=(MEASURED,)))),
    Story(
        "take a changed envelope in",
        (Intake.receive,),
        past(*OPTED_IN),
        taken(envelope_changed(E1, 1, node_id=GRID) | {"id": "in-1"}),
    ),
    Story(
        "take a withdrawn envelope in",
        (Intake.receive,),
        past(*OPTED_IN, ENVELOPE),
        taken(envelope_withdrawn(E1, 2) | {"id": "in-2"}),
    ),
    Story(
        "take measured demand in",
        (Intake.receive,),
        past(*OPTED_IN),
        taken(demand_measured(1, (GRID, "2026-11-18T11:59:00Z", KW)) | {"id": "in-3"}),
    ),
    Story(
        "take a silent energy source in",
        (Intake.receive,),
        past(*OPTED_IN, ENVELOPE),
        taken(source_offline(1) | {"id": "in-4"}),
    ),
    story(
        "report a silent energy source",
        ReportEnergySourceHandler,
        OPTED_IN,
        asks(ReportEnergySource(depot_id=NORTH, source="dso", offline_at=NOON + HOUR)),
    ),
)
