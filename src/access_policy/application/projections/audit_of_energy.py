"""Audit entries of a site's energy: its nodes, its policy and its envelopes, under the depot."""

from __future__ import annotations

from typing import Any

from access_policy.application.projections.audit_entry import Entry, gone, whole
from access_policy.application.projections.audit_words import values_of
from access_policy.domain.site_energy import events as energy


def of_energy(event: Any) -> Entry:
    match event:
        case energy.EnergyNodePut(node=node):
            return whole("depot", event.depot_id, f"energy node {node.node_id}", values_of(node))
        case energy.EnergyNodeRemoved(node_id=node_id):
            return gone("depot", event.depot_id, f"energy node {node_id}")
        case energy.EnergyPolicyPut(policy=policy):
            return whole("depot", event.depot_id, "energy policy", values_of(policy))
        case energy.OperatingEnvelopeWithdrawn(envelope_id=envelope_id):
            return gone("depot", event.depot_id, f"operating envelope {envelope_id}")
        case _:
            envelope = event.envelope
            return whole("depot", event.depot_id, f"operating envelope {envelope.envelope_id}", values_of(envelope))
