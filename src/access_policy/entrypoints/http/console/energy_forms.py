"""Forms about the energy of a depot's site: nodes, the gate policy, and a manual envelope. Powers are entered in kW."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, TypeVar
from uuid import uuid4

from fastapi import APIRouter, Query
from fastapi.responses import Response

from access_policy.application.commands.put_energy_node import PutEnergyNode
from access_policy.application.commands.put_energy_policy import PutEnergyPolicy
from access_policy.application.commands.receive_envelope import ReceiveEnvelope
from access_policy.application.commands.remove_energy_node import RemoveEnergyNode
from access_policy.application.commands.withdraw_envelope import WithdrawEnvelope
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy, GateEnforcement
from access_policy.domain.site_energy.errors import EnvelopeUnknown
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console import energy_words
from access_policy.entrypoints.http.console.energy import ENERGY
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided

router: APIRouter = pages_router()

NEW_NODE: Final = ENERGY + "/new-node"
POLICY: Final = ENERGY + "/policy"
NEW_ENVELOPE: Final = ENERGY + "/new-envelope"
MANUAL: Final = "manual"  # the source of envelopes that people enter
POWERS: Final = ("own_and_agreement_below_w", "own_only_below_w", "hysteresis_w")
SECONDS: Final = ("minimum_dwell_s", "measurement_max_age_s", "hold_max_s")

Kind = TypeVar("Kind", NodeKind, GateEnforcement)


# --- nodes ------------------------------------------------------------------------------------------------------------


@router.get(NEW_NODE, dependencies=visitors(OPERATORS))
async def new_node(here: Here, view: DecisionView, parent_id: Annotated[str, Query(max_length=64)] = "") -> Response:
    here, site = _at_a_depot(here, view)
    is_root = site.tree.root_id is None
    kind = NodeKind.SITE if is_root else NodeKind.CHARGER
    values: dict[str, str | list[str]] = dict.fromkeys(("node_id", "limit_w", "charger_id", "minimum_start_w"), "")
    values |= {"parent_id": parent_id or site.tree.root_id or "", "kind": kind.value}
    return await _node_form(here, view, Form.of(values))


@router.get(ENERGY + "/nodes/{node_id}", dependencies=visitors(OPERATORS))
async def node(here: Here, view: DecisionView, node_id: str) -> Response:
    here, site = _at_a_depot(here, view)
    return await _node_form(here, view, _form_of_node(site, node_id), node_id)


@router.post(NEW_NODE, dependencies=visitors(OPERATORS))
async def put_new_node(
    here: Here,
    view: DecisionView,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_energy_node)],
) -> Response:
    here, site = _at_a_depot(here, view)
    try:
        if not sent.text("node_id"):
            raise invalid({"node_id": "Enter an id, such as main or circuit-2."})
        await call(handler, PutEnergyNode(depot_id=site.depot_id, node=_node(sent), expected_version=0))
    except REFUSALS as error:
        return await _node_form(here, view, sent.refused(error), status=422)
    return here.done(here.url(ENERGY), f"The node {sent.text('node_id')} is added.")


@router.post(ENERGY + "/nodes/{node_id}", dependencies=visitors(OPERATORS))
async def put_node(
    here: Here,
    view: DecisionView,
    node_id: str,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_energy_node)],
) -> Response:
    here, site = _at_a_depot(here, view)
    try:
        command = PutEnergyNode(depot_id=site.depot_id, node=_node(sent, node_id), expected_version=sent.version)
        await call(handler, command)
    except REFUSALS as error:
        present = _form_of_node(site, node_id).values if EnergyNodeId(node_id) in site.tree.by_id else None
        return await _node_form(here, view, sent.refused(error, present), node_id, status=422)
    return here.done(here.url(ENERGY), f"The node {node_id} is saved.")


@router.post(ENERGY + "/nodes/{node_id}/remove", dependencies=visitors(OPERATORS))
async def remove_node(
    here: Here,
    view: DecisionView,
    node_id: str,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_energy_node)],
) -> Response:
    here, site = _at_a_depot(here, view)
    try:
        await call(handler, RemoveEnergyNode(depot_id=site.depot_id, node_id=EnergyNodeId(node_id)))
    except REFUSALS as error:
        form = _form_of_node(site, node_id).refused(error)
        return await _node_form(here, view, form, node_id, status=422)
    return here.done(here.url(ENERGY), f"The node {node_id} is removed.")


def _node(sent: Form, node_id: str | None = None) -> EnergyNode:
    kind = _one_of(NodeKind, sent, "kind")
    charger_id = sent.text("charger_id") if kind is NodeKind.CHARGER else ""
    return EnergyNode(
        node_id=EnergyNodeId(node_id or sent.text("node_id")),
        parent_id=EnergyNodeId(sent.text("parent_id")) if sent.text("parent_id") else None,
        kind=kind,
        charger_id=ChargerId(charger_id) if charger_id else None,
        **_watts(sent, ("limit_w", "minimum_start_w")),
    )


def _form_of_node(site: SiteEnergy, node_id: str) -> Form:
    """Return the form of a node. Raises `EnergyNodeUnknown`."""
    found = site.node(EnergyNodeId(node_id))
    values: dict[str, str | list[str]] = {
        "parent_id": found.parent_id or "",
        "kind": found.kind.value,
        "limit_w": energy_words.kilowatts(found.limit_w),
        "charger_id": found.charger_id or "",
        "minimum_start_w": energy_words.kilowatts(found.minimum_start_w),
    }
    return Form.of(values, site.node_changed_at[found.node_id])


async def _node_form(here: Visit, view: View, form: Form, node_id: str | None = None, *, status: int = 200) -> Response:
    assert here.depot_id is not None
    site = view.site_energy(here.caller.tenant_id, here.depot_id)
    ids = await view.charger_ids(here.caller.tenant_id, here.depot_id)
    free = sorted(each for each in ids if site.tree.by_charger.get(each) in (None, node_id))
    parents = sorted(each.node_id for each in site.tree.by_id.values() if each.kind is not NodeKind.CHARGER)
    return here.page(
        "energy_node.html",
        status=status,
        form=form,
        node_id=node_id,
        kinds=[(kind.value, title) for kind, title in energy_words.KINDS.items()],
        parents=[("", "None: it is the root"), *((each, each) for each in parents if each != node_id)],
        chargers=[("", "None"), *((each, each) for each in free)],
    )


# --- policy -----------------------------------------------------------------------------------------------------------


@router.get(POLICY, dependencies=visitors(OPERATORS))
async def policy(here: Here, view: DecisionView) -> Response:
    here, site = _at_a_depot(here, view)
    return _policy_form(here, _form_of_policy(site))


@router.post(POLICY, dependencies=visitors(OPERATORS))
async def put_policy(
    here: Here,
    view: DecisionView,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_energy_policy)],
) -> Response:
    here, site = _at_a_depot(here, view)
    try:
        command = PutEnergyPolicy(depot_id=site.depot_id, policy=_policy(sent), expected_version=sent.version)
        await call(handler, command)
    except REFUSALS as error:
        return _policy_form(here, sent.refused(error, _form_of_policy(site).values), status=422)
    return here.done(here.url(ENERGY), "The gate policy is saved.")


def _policy(sent: Form) -> EnergyPolicy:
    watts = {name: value or 0 for name, value in _watts(sent, POWERS).items()}
    wrong = {name: "Enter a whole number of seconds." for name in SECONDS if not _is_whole(sent.text(name))}
    if wrong:
        raise invalid(wrong)
    seconds = {name: int(sent.text(name)) for name in SECONDS}
    enforcement = _one_of(GateEnforcement, sent, "enforcement")
    return EnergyPolicy(enabled=bool(sent.text("enabled")), enforcement=enforcement, **watts, **seconds)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _form_of_policy(site: SiteEnergy) -> Form:
    found = site.policy or EnergyPolicy()
    values: dict[str, str | list[str]] = {
        "enabled": "yes" if found.enabled else "",
        "enforcement": found.enforcement.value,
        **{name: energy_words.kilowatts(getattr(found, name)) for name in POWERS},
        **{name: str(getattr(found, name)) for name in SECONDS},
    }
    return Form.of(values, site.policy_changed_at)


def _policy_form(here: Visit, form: Form, *, status: int = 200) -> Response:
    return here.page("energy_policy.html", status=status, form=form)


# --- manual envelopes
# ---------------------------------------------------------------------------------------------------


@router.get(NEW_ENVELOPE, dependencies=visitors(OPERATORS))
async def new_envelope(here: Here, view: DecisionView, node_id: Annotated[str, Query(max_length=64)] = "") -> Response:
    here, site = _at_a_depot(here, view)
    begin = here.now.astimezone(here.zone).replace(second=0, microsecond=0)
    values: dict[str, str | list[str]] = {
        "node_id": node_id or site.tree.root_id or "",
        "valid_from": begin.strftime("%Y-%m-%dT%H:%M"),
        "valid_until": "",
        "import_limit_w": "",
    }
    return _envelope_form(here, site, Form.of(values))


@router.post(NEW_ENVELOPE, dependencies=visitors(OPERATORS))
async def put_envelope(
    here: Here,
    view: DecisionView,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.receive_envelope)],
) -> Response:
    here, site = _at_a_depot(here, view)
    try:
        await call(handler, _envelope(here, site, sent))
    except REFUSALS as error:
        return _envelope_form(here, site, sent.refused(error), status=422)
    return here.done(here.url(ENERGY), f"The envelope for {sent.text('node_id')} is saved.")


@router.post(ENERGY + "/envelopes/{envelope_id}/withdraw", dependencies=visitors(OPERATORS))
async def withdraw_envelope(
    here: Here,
    view: DecisionView,
    envelope_id: str,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.withdraw_envelope)],
) -> Response:
    """Withdraw an envelope of the depot that the page shows."""
    here, site = _at_a_depot(here, view)
    if EnvelopeId(envelope_id) not in site.envelopes.by_id:
        raise EnvelopeUnknown.named(envelope_id)
    await call(handler, WithdrawEnvelope(envelope_id=EnvelopeId(envelope_id)))
    return here.done(here.url(ENERGY), f"The envelope {envelope_id} is withdrawn.")


def _envelope(here: Visit, site: SiteEnergy, sent: Form) -> ReceiveEnvelope:
    """Return the next manual envelope in the sequence of its node."""
    limit_w = _watts(sent, ("import_limit_w",))["import_limit_w"]
    start, end = (sent.instant(name, here.zone) for name in ("valid_from", "valid_until"))
    if limit_w is None or start is None or end is None:
        missing = {"import_limit_w": limit_w, "valid_from": start, "valid_until": end}
        raise invalid({name: "Enter a value." for name, value in missing.items() if value is None})
    node_id = EnergyNodeId(sent.text("node_id"))
    return ReceiveEnvelope(
        envelope_id=EnvelopeId(f"{MANUAL}-{uuid4().hex[:12]}"),
        depot_id=site.depot_id,
        node_id=node_id,
        source=MANUAL,
        sequence=site.envelopes.sequences.get((MANUAL, node_id), 0) + 1,
        valid_from=start,
        valid_until=end,
        import_limit_w=limit_w,
    )


def _envelope_form(here: Visit, site: SiteEnergy, form: Form, *, status: int = 200) -> Response:
    nodes = [(each, each) for each in sorted(site.tree.by_id)]
    return here.page("energy_envelope.html", status=status, form=form, nodes=nodes, has_policy=site.policy is not None)


# --- shared -----------------------------------------------------------------------------------------------------------


def _one_of(kinds: type[Kind], sent: Form, name: str) -> Kind:
    """Return the chosen value. Raises `RequestValidationError`."""
    try:
        return kinds(sent.text(name))
    except ValueError as error:
        raise invalid({name: "Choose one of the values."}) from error


def _watts(sent: Form, names: Iterable[str]) -> dict[str, Any]:
    """Return the powers entered in kW as whole watts; None for an empty field. Raises `RequestValidationError`."""
    found: dict[str, Any] = {}
    wrong = {}
    for name in names:
        text = sent.text(name).replace(",", ".")
        try:
            value = Decimal(text) * 1000 if text else None
        except InvalidOperation:
            value = Decimal("nan")
        if value is not None and not (value.is_finite() and abs(value) < 10**15):
            wrong[name] = "Enter a power in kW, such as 120 or 7.4."
        found[name] = None if value is None or not value.is_finite() or name in wrong else int(value)
    if wrong:
        raise invalid(wrong)
    return found


def _at_a_depot(here: Visit, view: View) -> tuple[Visit, SiteEnergy]:
    """Raise `DepotUnknown` if there is no depot yet."""
    here = here.at_one_depot()
    if here.depot_id is None:
        raise DepotUnknown("There is no depot yet; make one first.")
    return here, view.site_energy(here.caller.tenant_id, DepotId(here.depot_id))
