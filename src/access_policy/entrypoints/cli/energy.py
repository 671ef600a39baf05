"""`access-policy energy`: the electrical tree of a depot, its gate policy, envelopes and measurements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.completion import Charger, Depot, chargers
from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.identities import identity, whole_id
from access_policy.entrypoints.cli.printing import columns, compact, detail, document, done, session_of, table
from access_policy.entrypoints.cli.quoting import printable, segment

app = typer.Typer()

Node = Annotated[str, typer.Argument(metavar="NODE", help="Whole id of the energy node")]
Envelope = Annotated[str, typer.Argument(metavar="ENVELOPE", help="Whole id of the envelope")]
Kind = Annotated[str, typer.Option(help="site, grid_connection, circuit, charger_group or charger")]
Parent = Annotated[str | None, typer.Option(help="Node above it [default: none, it is the site]")]
AtCharger = Annotated[
    str | None, typer.Option("--charger", autocompletion=chargers, help="Its charger, for a node of kind charger")
]
LimitW = Annotated[int | None, typer.Option(help="Static import limit in watts")]
StartW = Annotated[int | None, typer.Option(help="Minimum power with which a charge can start, in watts")]
At = Annotated[str | None, typer.Option(help="Past or future instant [default: now]")]


@app.command("show")
def show_energy(ctx: typer.Context, depot_id: Depot, at: At = None) -> None:
    """Draw a depot's site as a tree: limit, demand, envelope and gate at each node."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    answer = session.get(f"/v1/depots/{segment(depot_id)}/energy", at=session.instant(at, depot=depot_id))
    if document(session, answer):
        return
    if not answer["nodes"]:
        session.err.print("no energy nodes at this depot")
        return
    for line in tree(answer["nodes"]):
        session.out.print(line, markup=False, highlight=False)
    if not answer["enabled"]:
        session.err.print("the energy policy is not enabled: no gate narrows access")
    elif answer["enforcement"] == "advisory":
        session.err.print("gates are advisory: refusals because of energy are only recorded")
    for feed in answer["degraded"]:
        session.err.print(f"silent: {feed['reason']} {feed['source'] or feed['node_id']}", markup=False)


@app.command("charger")
def show_charger(
    ctx: typer.Context,
    charger_id: Charger,
    start: Annotated[str | None, typer.Option("--from", help="Start [default: now]")] = None,
    until: Annotated[str | None, typer.Option("--until", help="End [default: two days later]")] = None,
) -> None:
    """Show a charger's gate, and when energy narrows its access."""
    session = session_of(ctx)
    charger_id = whole_id(session, "chargers", charger_id)
    query = {"from": session.instant(start, charger=charger_id), "until": session.instant(until, charger=charger_id)}
    answer = session.get(f"/v1/chargers/{segment(charger_id)}/energy", **query)
    if document(session, answer):
        return
    if answer["gate"] is None:
        session.err.print("no energy gate at this charger")
    else:
        detail(session, {**answer["gate"], "charger_id": charger_id})
    names = ("start", "end", "level", "is_planned", "envelope_id", "limit_source", "binding_node_id")
    if answer["narrowings"]:
        table(session, answer["narrowings"], columns(*names), about=answer)


@app.command("nodes")
def list_nodes(ctx: typer.Context, depot_id: Depot) -> None:
    """List the energy nodes of a depot, each after its parent."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    rows = session.get(f"/v1/depots/{segment(depot_id)}/energy-nodes")["items"]
    names = ("node_id", "parent_id", "kind", "limit_w", "charger_id", "minimum_start_w")
    table(session, rows, columns(*names), nothing="no energy nodes at this depot")


@app.command("put-node")
def put_node(
    ctx: typer.Context,
    depot_id: Depot,
    node_id: Node,
    kind: Kind,
    parent: Parent = None,
    limit_w: LimitW = None,
    charger: AtCharger = None,
    minimum_start_w: StartW = None,
    if_match: IfMatch = None,
) -> None:
    """Add a node to the tree, or replace it; options that are left out are not set. Begin with the site."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    body = compact(
        kind=kind,
        parent_id=parent,
        limit_w=limit_w,
        charger_id=identity(session, "chargers", charger),
        minimum_start_w=minimum_start_w,
    )
    path = f"/v1/depots/{segment(depot_id)}/energy-nodes/{segment(node_id)}"
    answer = session.command("PUT", path, body, if_match=if_match)
    limit = "no limit" if answer["limit_w"] is None else kilowatts(answer["limit_w"])
    done(session, answer, f"energy node {node_id} ({kind}): {limit}")


@app.command("remove-node")
def remove_node(ctx: typer.Context, depot_id: Depot, node_id: Node, if_match: IfMatch = None) -> None:
    """Remove a node that has no nodes below it."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    session.confirm(f"remove the energy node {node_id} of {depot_id}")
    path = f"/v1/depots/{segment(depot_id)}/energy-nodes/{segment(node_id)}"
    done(session, session.command("DELETE", path, if_match=if_match), f"energy node {node_id} is removed")


@app.command("policy")
def show_policy(ctx: typer.Context, depot_id: Depot) -> None:
    """Show the gate policy of a depot."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    detail(session, session.get(f"/v1/depots/{segment(depot_id)}/energy-policy"))


@app.command("put-policy")
def put_policy(
    ctx: typer.Context,
    depot_id: Depot,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Let gates narrow access")] = None,
    enforcement: Annotated[str | None, typer.Option(help="enforce, or advisory: record only")] = None,
    own_and_agreement_below_w: Annotated[
        int | None, typer.Option(help="Below it, in watts, only own and agreement vehicles may start")
    ] = None,
    own_only_below_w: Annotated[
        int | None, typer.Option(help="Below it, in watts, only own vehicles may start")
    ] = None,
    hysteresis_w: Annotated[int | None, typer.Option(help="Watts above a threshold before a gate widens")] = None,
    minimum_dwell_s: Annotated[
        int | None, typer.Option(help="Seconds for which the power must stay above that")
    ] = None,
    measurement_max_age_s: Annotated[int | None, typer.Option(help="Seconds for which a measurement is fresh")] = None,
    hold_max_s: Annotated[int | None, typer.Option(help="Seconds for which a silent source's limit is held")] = None,
    if_match: IfMatch = None,
) -> None:
    """Change the gate policy of a depot; options that are left out keep their values."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    path = f"/v1/depots/{segment(depot_id)}/energy-policy"
    known = session.get(path)
    changes = compact(
        enabled=enabled,
        enforcement=enforcement,
        own_and_agreement_below_w=own_and_agreement_below_w,
        own_only_below_w=own_only_below_w,
        hysteresis_w=hysteresis_w,
        minimum_dwell_s=minimum_dwell_s,
        measurement_max_age_s=measurement_max_age_s,
        hold_max_s=hold_max_s,
    )
    body = settable(known) | changes
    expected = if_match or (f'"{known["version"]}"' if known["version"] else None)
    answer = session.command("PUT", path, body, if_match=expected)
    state = answer["enforcement"] if answer["enabled"] else "off"
    done(session, answer, f"energy policy of {depot_id}: {state}")


@app.command("envelopes")
def list_envelopes(ctx: typer.Context, depot_id: Depot, limit: Limit = None) -> None:
    """List the operating envelopes of a depot, the last received first."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    layout = [
        *columns("node_id", "state", "valid_from", "valid_until", "import_limit_w"),
        ("fallback_w", lambda row: (row["fallback"] or {}).get("import_limit_w")),
        *columns("source", "sequence", "envelope_id"),
    ]
    rows = session.pages("/v1/operating-envelopes", limit, depot_id=depot_id)
    table(session, rows, layout, nothing="no operating envelopes at this depot")


@app.command("put-envelope")
def put_envelope(
    ctx: typer.Context,
    depot_id: Depot,
    node_id: Node,
    envelope_id: Envelope,
    limit_w: Annotated[int, typer.Option(help="Import limit in watts")],
    sequence: Annotated[int, typer.Option(help="Higher than in the source's last envelope for the node")],
    start: Annotated[str, typer.Option("--from", help="Start of its validity")],
    until: Annotated[str, typer.Option("--until", help="End of its validity")],
    source: Annotated[str, typer.Option(help="Who limits the node")] = "operator",
    fallback_w: Annotated[int | None, typer.Option(help="Limit in watts while the source is silent")] = None,
    fallback_until: Annotated[str | None, typer.Option(help="End of the fallback limit [default: --until]")] = None,
) -> None:
    """Limit a node for a time."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    end = session.instant(until, depot=depot_id)
    body: dict[str, Any] = {
        "depot_id": depot_id,
        "node_id": node_id,
        "source": source,
        "sequence": sequence,
        "valid_from": session.instant(start, depot=depot_id),
        "valid_until": end,
        "import_limit_w": limit_w,
    }
    if fallback_w is not None:
        fallback_end = session.instant(fallback_until, depot=depot_id) or end
        body["fallback"] = {"import_limit_w": fallback_w, "valid_until": fallback_end}
    answer = session.command("PUT", f"/v1/operating-envelopes/{segment(envelope_id)}", body)
    done(session, answer, f"envelope {envelope_id} of {node_id}: {kilowatts(limit_w)}, {answer['state']}")


@app.command("withdraw-envelope")
def withdraw_envelope(ctx: typer.Context, envelope_id: Envelope) -> None:
    """Withdraw an operating envelope; gates widen after the minimum dwell."""
    session = session_of(ctx)
    session.confirm(f"withdraw the envelope {envelope_id}")
    answer = session.command("DELETE", f"/v1/operating-envelopes/{segment(envelope_id)}")
    done(session, answer, f"envelope {envelope_id} is withdrawn")


@app.command("measure")
def measure(
    ctx: typer.Context,
    depot_id: Depot,
    node_id: Node,
    demand_w: Annotated[int, typer.Argument(metavar="WATTS", help="Demand of the node in watts")],
    at: Annotated[str, typer.Option(help="Instant of the measurement")] = "now",
) -> None:
    """Record the demand of a node."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    observed_at = session.instant(at, depot=depot_id)
    item = {"depot_id": depot_id, "node_id": node_id, "observed_at": observed_at, "demand_w": demand_w}
    answer = session.command("POST", "/v1/measurements", {"items": [item]})
    done(session, answer, f"demand of {node_id}: {kilowatts(demand_w)}")


def settable(policy: Any) -> dict[str, Any]:
    """Return the policy as a body that sets it."""
    return {name: value for name, value in policy.items() if name not in ("depot_id", "version")}


# --- the tree ---------------------------------------------------------------------------------------------------------


def tree(nodes: list[Any]) -> Iterator[str]:
    """Yield a line for each node, below its parent."""
    children: dict[str | None, list[Any]] = {}
    for node in nodes:
        children.setdefault(node["parent_id"], []).append(node)

    waiting = [(node, "", "") for node in reversed(children.get(None, []))]
    while waiting:
        node, before, indent = waiting.pop()
        yield f"{before}{_line(node)}"
        below = sorted(children.get(node["node_id"], []), key=lambda each: each["node_id"])
        for index in reversed(range(len(below))):
            is_last = index == len(below) - 1
            branch, bar = ("`- ", "   ") if is_last else ("|- ", "|  ")
            waiting.append((below[index], indent + branch, indent + bar))


def _line(node: Any) -> str:
    words = [printable(node["node_id"])]
    if node["charger_id"] is not None:
        words.append(f"(charger {printable(node['charger_id'])})")
    demand = kilowatts(node["demand_w"])
    age = "not measured" if node["demand_age_s"] is None else f"{node['demand_age_s']} s ago"
    words.append(
        f"{demand} ({age})" if node["limit_w"] is None else f"{demand} of {kilowatts(node['limit_w'])} ({age})"
    )
    if (envelope := node["envelope"]) is not None:
        limit = kilowatts(envelope["import_limit_w"])
        words.append(f"[envelope {printable(envelope['envelope_id'])} {limit} {envelope['state']}]")
    if node["effective_w"] is not None:
        words.append(f"leaves {kilowatts(node['effective_w'])}")
        words.append(f"by {printable(node['binding_node_id'])} ({node['limit_source']})")
    if node["level"] not in (None, "open"):
        words.append(f"-> {node['level']}")
    return " ".join(words)


def kilowatts(watts: int) -> str:
    return f"{watts / 1000:,.1f} kW"
