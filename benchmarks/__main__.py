"""`make bench`: run all benchmarks and print their ratios, as written down in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
from collections.abc import Iterator, Mapping

from access_policy.entrypoints.demo.postgres import PostgresServer, migrated
from benchmarks import (
    audit,
    authorize,
    bookings,
    cluster,
    console,
    decisions,
    energy,
    energy_what_if,
    flood,
    outage,
    propagation,
    registry,
    registry_import,
    relay,
    reservations,
    revocation,
    storm,
    stream,
    switch,
    timeline,
    traces,
)
from benchmarks.loop import report as loop_report

ALL = [
    "kernel",
    "decisions",
    "authorize",
    "audit",
    "traces",
    "idle",
    "registry",
    "import",
    "timeline",
    "loop",
    "switch",
    "reservations",
    "bookings",
    "energy",
    "revocation",
    "propagation",
    "storm",
    "flood",
    "stream",
    "console",
    "relay",
    "cluster",
    "outage",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("only", nargs="*", choices=[[], *ALL], help="what to measure [all]")
    chosen = parser.parse_args()
    wanted = chosen.only or ALL
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors\n")
    if "kernel" in wanted:
        _kernel(chosen.seconds)
    if "decisions" in wanted:
        _decisions(chosen.seconds)
    if "authorize" in wanted:
        _authorize(chosen.seconds)
    if "audit" in wanted:
        _audit(chosen.seconds)
    if "traces" in wanted:
        _traces(chosen.seconds)
    if "idle" in wanted:
        print(f"An idle charger costs {authorize.idle_kib():.1f} KiB\n")
    if "registry" in wanted:
        _registry()
    if "import" in wanted:
        _import()
    if "timeline" in wanted:
        _timeline(chosen.seconds)
    if "loop" in wanted:
        loop_report.show(loop_report.measure())
    if "switch" in wanted:
        _switch()
    if "reservations" in wanted:
        _reservations(chosen.seconds)
    if "bookings" in wanted:
        print(f"{bookings.measure()}\n", flush=True)
    if "energy" in wanted:
        _energy()
    if "revocation" in wanted:
        _revocation()
    if "propagation" in wanted:
        _propagation()
    if "storm" in wanted:
        _storm()
    if "flood" in wanted:
        _flood(chosen.seconds)
    if "stream" in wanted:
        for per_second in (None, 500.0):
            print(f"{stream.measure(chosen.seconds, per_second)}\n", flush=True)
    if "console" in wanted:
        print(f"{console.measure(chosen.seconds, 40.0)}\n", flush=True)
    if "relay" in wanted:
        told = relay.measure()
        print(
            f"Relay of {told.events:,} events to a bus that answers after {relay.BUS_MS:g} ms: {told.relay:,.0f} a second; "
            f"the calls alone: {told.bare:,.0f} ({told.relay / told.bare:.2f} of them)\n"
        )
    if "outage" in wanted:
        _outage()
    if "cluster" in wanted:
        each = cluster.measure()
        print(
            f"{each.changes} changes at the API until both gateways decide by them: p50 {each.p50_ms:.0f} ms, "
            f"p99 {each.p99_ms:.0f} ms, longest {each.longest_ms:.0f} ms after the request\n"
        )


def _audit(seconds: float) -> None:
    found = audit.measure(seconds)
    each = ", ".join(f"{ratio:.3f}" for ratio in found.ratios)
    print(
        f"Decisions with {audit.IN_FLIGHT} in flight: {found.without:,.0f} a second without the audit chain, "
        f"{found.chaining:,.0f} with it (ratio {found.ratio:.3f}, median of {each}); "
        f"{found.chained:,} of {found.events:,} events chained at the end. Processor time: "
        f"{found.decision_cpu_us:.0f} us for a decision, and {found.chain_cpu_us:.0f} us in the other process to chain it\n"
    )


def _energy() -> None:
    found = energy.measure()
    print(
        f"Energy gate of a charger among 1,000 nodes with {energy.ENVELOPES} envelopes: {found.unchanged:.1f} us, "
        f"{found.changed:.1f} us for the first reading after a measurement of the site ({found.from_nothing:,.0f} us computed "
        f"from nothing); a measurement of the site {found.measurement_of_site:,.0f} us, of a circuit "
        f"{found.measurement_of_circuit:,.0f} us; the windows of all {energy.CHARGERS} chargers found anew "
        f"{found.plan_of_depot / 1e3:,.0f} ms."
    )
    month = energy_what_if.measure()
    print(
        f"What a gate policy would have refused of {month.attempts} starts in a month with {month.measurements:,} "
        f"measurements: {month.what_if_s:.1f} s of processor time, loop held for at most {month.what_if_hold_ms:.0f} ms; "
        f"the naive computation of {month.rival_days} days: {month.rival_s:.1f} s ({month.different} refusals more or "
        f"fewer). The site at an instant of that month: {1e3 * month.past_s:.0f} ms, loop held for at most "
        f"{month.past_hold_ms:.0f} ms."
    )


def _reservations(seconds: float) -> None:
    found = reservations.measure(seconds)
    print(
        f"Decisions with {reservations.IN_FLIGHT} in flight: {found.without:,.0f} a second without reservations, "
        f"{found.reserved:,.0f} with {reservations.RESERVATIONS:,} (ratio {found.ratio:.3f}); processor time "
        f"{found.cpu_us_without:.0f} us and {found.cpu_us_reserved:.0f} us (ratio {found.cpu_ratio:.3f}). A booking is durable "
        f"after p50 {found.booking_p50_ms:.1f} ms, p99 {found.booking_p99_ms:.1f} ms\n"
    )


def _traces(seconds: float) -> None:
    print(
        f"| decisions with {traces.IN_FLIGHT} in flight, traces to | a second | ratio | each round's | CPU us of each | ratio |"
    )
    print("|---|---:|---:|---|---:|---:|")
    for each in traces.measure(seconds):
        rounds = ", ".join(f"{ratio:.2f}" for ratio in each.ratios)
        print(
            f"| {each.name} | {each.per_second:,.0f} | {each.ratio:.3f} | {rounds} | {each.cpu_us:.0f} | {each.cpu_ratio:.3f} |"
        )
    print()


def _outage() -> None:
    found = outage.measure()
    print(
        f"| PostgreSQL, {outage.CHARGERS} chargers | answers | a second | errors | p50 ms | p99 ms | longest s | healthz ms "
        "| ready | ready again s | MiB |\n|---|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|"
    )
    for each in found.seen:
        errors = sum(count for verdict, count in each.verdicts.items() if verdict.startswith("error"))
        ready = "yes" if not each.ready[False] else "no" if not each.ready[True] else f"{each.ready[False]} times not"
        again = "" if each.ready_again_s is None else f"{each.ready_again_s:.1f}"
        print(
            f"| {each.name} | {dict(each.verdicts)} | {sum(each.verdicts.values()) / each.seconds:,.0f} | {errors} "
            f"| {1000 * each.latency(0.5):.0f} | {1000 * each.latency(0.99):.0f} | {each.latency(1):.1f} "
            f"| {1000 * max(each.health_s):.0f} | {ready} | {again} | {each.rss_mib:.0f} |"
        )
    print(
        f"\n{found.answered:,} answered: {found.lost} lost, {found.doubled} doubled; "
        f"{found.unanswered} in the store whose charger was told nothing\n"
    )


def _kernel(seconds: float) -> None:
    from benchmarks import kernel  # its rivals are packages that only `make bench` installs

    measured = kernel.measure(seconds)
    ours = measured[0].per_second
    print("| decisions in the kernel | a second | ours is faster by |\n|---|---:|---:|")
    for each in measured:
        print(f"| {each.name} | {each.per_second:,.0f} | {ours / each.per_second:.1f} |")
    print()


def _timeline(seconds: float) -> None:
    found = timeline.measure(seconds)
    rival = found.measured[-1].p50_ms
    print("| timeline of 20 weekday rules over 400 days | p50 ms | faster than the rival by |\n|---|---:|---:|")
    for each in found.measured:
        print(f"| {each.name} | {each.p50_ms:.1f} | {rival / each.p50_ms:.1f} |")
    print(
        f"\n{found.segments:,} segments: {found.timeline_kib:,.0f} KiB; with all windows kept {found.windows_kib:,.0f} KiB\n"
    )


def _decisions(seconds: float) -> None:
    for measured in decisions.measure(seconds):
        print(
            f"| durable decisions in {measured.database}, in flight | a second | p50 ms | p99 ms | bare inserts | share |"
        )
        print("|---:|---:|---:|---:|---:|---:|")
        for each in measured.durable:
            print(
                f"| {each.in_flight} | {each.per_second:,.0f} | {each.p50_ms:.1f} | {each.p99_ms:.1f} | {each.bare:,.0f} "
                f"| {each.per_second / each.bare:.2f} |"
            )
        folded = measured.folded
        print(
            f"\nRead models in {measured.database}: {folded.events:,} events followed at {folded.followed:,.0f} a second "
            f"({folded.followed_cpu_us:.0f} µs of processor time each), rebuilt at {folded.rebuilt:,.0f} "
            f"({folded.rebuilt_cpu_us:.0f} µs to write and {folded.prepared_cpu_us:.0f} µs to prepare each); a bare scan: "
            f"{folded.scanned:,.0f} ({folded.rebuilt / folded.scanned:.2f} of it), scanned and decoded to dicts: "
            f"{folded.decoded:,.0f} ({folded.rebuilt / folded.decoded:.2f} of it)\n",
            flush=True,
        )


def _authorize(seconds: float) -> None:
    _show_round_trips(authorize.measure(seconds))
    server = PostgresServer()
    try:
        postgres = migrated(server.server_url("postgres"))
        _show_round_trips(authorize.measure(seconds, postgres))
    finally:
        server.end()


def _show_round_trips(measured: list[authorize.RoundTrips]) -> None:
    ours = measured[0]
    print("| 1.6 Authorize, 200 chargers, 50 in flight | a second | p50 ms | p99 ms | server CPU us | ours / rival |")
    print("|---|---:|---:|---:|---:|---:|")
    for each in measured:
        ratio = "" if each is ours else f"{ours.per_second / each.per_second:.2f}"
        print(
            f"| {each.name} | {each.per_second:,.0f} | {each.p50_ms:.1f} | {each.p99_ms:.1f} | {each.cpu_us:.0f} "
            f"| {ratio} |"
        )
    print(
        f"\nOurs at half of its load: p50 {ours.half_load_p50_ms:.1f} ms, p99 {ours.half_load_p99_ms:.1f} ms\n",
        flush=True,
    )


def _registry() -> None:
    print(
        "| vehicles | first start s | start s | memory MiB | one more ms | a raw row ms |\n|---:|---:|---:|---:|---:|---:|"
    )
    for each in registry.measure():
        print(
            f"| {each.vehicles:,} | {each.first_start_s:.1f} | {each.start_s:.1f} | {each.memory_mib:.0f} "
            f"| {each.put_ms:.2f} | {each.raw_ms:.2f} |"
        )
    print()


def _import() -> None:
    each = registry_import.measure()
    print(f"| {each.rows:,} vehicles from a file of {each.file_mib:.1f} MiB | |\n|---|---:|")
    print(f"| plan it, s | {each.plan_s:.1f} |")
    print(f"| apply the plan, s | {each.apply_s:.1f} |")
    print(f"| until all can be searched, s more | {each.visible_s:.1f} |")
    print(f"| export them, s | {each.export_s:.1f} |")
    print(f"| plan the export (all unchanged), s | {each.plan_again_s:.1f} |")
    print(f"| memory at the peak, MiB above idle | {each.peak_mib:.0f} |")
    print(f"| longest hold-up of the event loop, ms | {each.stall_ms:.0f} |")
    print(f"| csv module, dict, plain rows in one SQLite transaction, s | {each.raw_s:.1f} |")
    print(f"| one command a vehicle, s | {each.puts_s:.0f} |\n")


def _switch() -> None:
    print(
        f"| {switch.CHARGERS:,} chargers into | 50 % s | 99 % s | all s | all at the chargers s | commands | CPU ms "
        "| Authorize p99 ms |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for each in switch.measure():
        print(
            f"| {each.into}: {each.name} | {each.p50_s:.1f} | {each.p99_s:.1f} | {each.all_s:.1f} | {each.at_chargers_s:.1f} "
            f"| {each.commands:.1f} | {each.cpu_ms:.1f} | {each.authorize_p99_ms:.0f} |",
            flush=True,
        )
    print()


def _revocation() -> None:
    print(
        "| faulty | first lists s | denied s | 50 % s | 99 % s | all s | commands | CPU ms "
        "| Authorize p99 ms | before ms | KiB |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for each in revocation.measure():
        print(
            f"| {each.faulty} % of {each.chargers:,} | {each.first_lists_s:.1f} | {each.denied_s:.2f} | {each.p50_s:.1f} "
            f"| {each.p99_s:.1f} | {each.all_s:.1f} | {each.commands:.1f} | {each.cpu_ms:.1f} "
            f"| {each.meanwhile_p99_ms:.0f} | {each.before_p99_ms:.0f} | {each.kib:.1f} |",
            flush=True,
        )
    print()


def _flood(seconds: float) -> None:
    print(
        f"| {flood.HEALTHY} healthy chargers beside a flood of | sent a second | answers | p50 ms | p99 ms | longest ms "
        "| MiB more |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for each in flood.measure(max(seconds, flood.SECONDS_MIN)):
        print(
            f"| {each.flood} | {each.sent_per_s:,.0f} | {each.answers:,} | {each.p50_ms:.0f} | {each.p99_ms:.0f} "
            f"| {each.longest_ms:.0f} | {each.mib:.0f} |",
            flush=True,
        )
    print()


def _propagation() -> None:
    for name in ("SQLite", "PostgreSQL"):
        for per_second in (0.0, 1_000.0):
            beside = f"beside {per_second:,.0f} Authorize a second" if per_second else "idle"
            with _stores(name) as environment:
                told = propagation.measure(environment, per_second=per_second)
            print(f"A change at the office, {name}, {beside}: {told}", flush=True)
    print()


@contextlib.contextmanager
def _stores(name: str) -> Iterator[Mapping[str, str]]:
    """Yield the settings of empty stores. Each installation has its own keys."""
    if name == "SQLite":
        yield {}
        return
    server = PostgresServer()
    try:
        yield migrated(server.server_url("postgres"))
    finally:
        server.end()


def _storm() -> None:
    print(
        f"| {storm.CHARGERS:,} chargers, ended by | ended after s | closes by code | listens after s | 50 % s | 99 % s | all s "
        "| CPU s | Authorize p99 ms | sent away |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---:|"
    )
    for each in storm.measure():
        closed = ", ".join(f"{code}: {count:,}" for code, count in sorted(each.closed.items()))
        print(
            f"| {each.signal} | {each.ended_s:.1f} | {closed} | {each.start_s:.1f} | {each.p50_s:.1f} | {each.p99_s:.1f} "
            f"| {each.all_s:.1f} | {each.cpu_s:.0f} | {each.authorize_p99_ms:.0f} | {each.turned_away:,} |"
        )
    print()


if __name__ == "__main__":
    main()
