"""A command line for each CLI command, by its name. A test compares the names with the existing commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.loop.scene import Scene

ELSEWHERE = {
    "serve": "its steps are the start-up steps",
    "demo-once": "serves the demo depot, checks it for a minute and ends",
    "rebuild": "another name for rebuild-read-models",
    "audit head": "reads the chain's records without a service",
    "audit verify": "reads the whole log in a separate process",
    "backup": "copies files in a separate process",
    "restore": "copies files while no service runs",
    "login": "lists depots once and writes a file of the user's",
    "context use": "writes a file of the user's",
    "context list": "reads a file of the user's",
    "context remove": "writes a file of the user's",
    "finish-restore": "removes erased data again, while no service runs",
    "doctor": "asks the service for its readiness and metrics, and reads files",
    "attempts follow": "asks as attempts list does, until it is interrupted",
}
MAY_FAIL = {
    "attempts allow",
    "attempts disallow",
    "tenant erase",
    "chargers probe",
    "chargers rotate-password",
    "chargers reset",
    "chargers unlock",
    "chargers availability",
    "chargers trigger",
    "chargers setting",
    "chargers call",
    "registry export",
    "sessions end",
    "ocpi-partners register",
    "oscp-providers register",
    "webhooks test",
}  # where a charger or a reader is slow, nobody charges, or the service must be stopped
DAYS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:bench\r
BEGIN:VEVENT\r
UID:1\r
DTSTAMP:20260101T000000Z\r
DTSTART;VALUE=DATE:20261225\r
SUMMARY:Christmas\r
END:VEVENT\r
END:VCALENDAR\r
"""

RULE = ("--name", "Rule", "--mode", "managed", "--recurrence", "FREQ=DAILY", "--start", "22:00", "--end", "23:00")

Line = Callable[[Scene, Path], Sequence[str]]


def line(text: str, *more: str) -> Line:
    """Return a line in which `{s…}` comes from the scene, and `{d}` is the directory of files."""
    return lambda s, d: [*(word.format(s=s, d=d, **s.made) for word in text.split()), *more]


COMMANDS: dict[str, Line] = {
    "token": lambda s, d: ["token", "--tenant", "bench", "--role", "viewer", "--data", str(d.parent)],
    "login-link": lambda s, d: ["login-link", "--tenant", "bench", "--role", "viewer", "--data", str(d.parent)],
    "migrate": lambda s, d: ["migrate", "--data", str(d.parent)],
    "parked": lambda s, d: ["parked", "--data", str(d.parent)],
    "tenant export": lambda s, d: ["tenant", "export", "bench", "--to", f"{d}/tenant", "--data", str(d.parent)],
    "tenant erase": lambda s, d: ["tenant", "erase", "bench", "--confirm", "bench", "--data", str(d.parent)],
    "tenants create": line("--token {s.installation} tenants create cli-{s.number}"),
    "tenants amend": line("--token {s.installation} tenants amend cli-{s.number} --name Tenant"),
    "tenants list": line("--token {s.installation} tenants list"),
    "tenants show": line("--token {s.installation} tenants show cli-{s.number}"),
    "status": line("status"),
    "profiles": line("profiles"),
    "profile put": line("profile put cli-profile {d}/profile.json"),
    "profile show": line("profile show cli-profile"),
    "profile remove": line("profile remove cli-profile"),
    "depots put": line("depots put cli-depot --name Depot --time-zone Europe/Berlin"),
    "depots list": line("depots list"),
    "depots show": line("depots show {s.depot}"),
    "depots override": line("depots override {s.depot} freevend --charger {s.charger} --reason Visit --for 1h"),
    "depots overrides": line("depots overrides {s.depot}"),
    "depots lift": line("depots lift {s.depot} {cli_override}"),
    "calendars put": line("calendars put cli-depot cli 2026-12-25=Christmas --name Days"),
    "calendars add-day": line("calendars add-day cli-depot 2026-12-26=Boxing --calendar cli"),
    "calendars import": line("calendars import cli-depot cli-file {d}/days.ics --name File"),
    "calendars list": line("calendars list cli-depot"),
    "calendars show": line("calendars show cli-depot cli"),
    "calendars remove": line("calendars remove cli-depot cli"),
    "chargers put": line(
        "chargers put cli-{s.number} --charge-point-id CLI-{s.number} --depot {s.depot} --profile ocpp16-central "
        "--baseline-mode managed"
    ),
    "chargers list": line("chargers list --limit 1000"),
    "chargers show": line("chargers show {s.charger}"),
    "chargers probe": line("chargers probe {s.charger}"),
    "chargers rotate-password": line("chargers rotate-password {s.charger}"),
    "chargers copy-policy": line("chargers copy-policy {s.charger} cli-{s.number} --dry-run"),
    "chargers reset": line("chargers reset {s.charger}"),
    "chargers unlock": line("chargers unlock {s.charger}"),
    "chargers availability": line("chargers availability {s.charger} operative"),
    "chargers trigger": line("chargers trigger {s.charger} StatusNotification"),
    "chargers setting": line("chargers setting {s.charger} HeartbeatInterval"),
    "chargers call": line("chargers call {s.charger} GetConfiguration"),
    "chargers frames": line("chargers frames {s.charger}"),
    "watch": line("watch --after 0 --once"),
    "rules add": line("rules add cli-{s.number}", *RULE),
    "rules add-many": line("rules add-many {s.depot} --charger cli-{s.number} --dry-run", *RULE),
    "rules list": line("rules list {s.charger}"),
    "rules amend": line("rules amend cli-{s.number} {cli_rule} --start 21:00"),
    "rules withdraw": line("rules withdraw cli-{s.number} {cli_rule}"),
    "schedules create": line(
        "schedules create {s.depot} Cli --rule Rule --mode managed --recurrence FREQ=DAILY --start 22:00 --end 23:00 "
        "--charger cli-{s.number}"
    ),
    "schedules list": line("schedules list"),
    "schedules show": line("schedules show {cli_schedule}"),
    "schedules add-rule": line(
        "schedules add-rule {cli_schedule} --rule Day --mode freevend --recurrence FREQ=DAILY --start 08:00 --end 09:00"
    ),
    "schedules amend-rule": line("schedules amend-rule {cli_schedule} --rule Day --start 07:00"),
    "schedules withdraw-rule": line("schedules withdraw-rule {cli_schedule} --rule Day --dry-run --what-if 7"),
    "schedules rename": line("schedules rename {cli_schedule} Weekdays"),
    "schedules leave": line("schedules leave {cli_schedule} cli-{s.number}"),
    "schedules follow": line("schedules follow {cli_schedule} cli-{s.number} --dry-run"),
    "energy put-policy": line("energy put-policy {s.depot} --enable --own-only-below-w 10000"),
    "energy policy": line("energy policy {s.depot}"),
    "energy put-node": line("energy put-node {s.depot} cli --kind circuit --parent site"),
    "energy nodes": line("energy nodes {s.depot}"),
    "energy put-envelope": line(
        "energy put-envelope {s.depot} site cli --limit-w 900000000 --sequence {s.number} --from 2040-01-01T06:00:00Z "
        "--until 2040-01-01T08:00:00Z"
    ),
    "energy envelopes": line("energy envelopes {s.depot} --limit 1000"),
    "energy measure": line("energy measure {s.depot} cli 1000"),
    "energy show": line("energy show {s.depot}"),
    "energy charger": line("energy charger {s.charger}"),
    "energy what-if": line("energy what-if {s.depot} --node site --limit-w 1000000"),
    "energy withdraw-envelope": line("energy withdraw-envelope cli"),
    "energy remove-node": line("energy remove-node {s.depot} cli"),
    "reservation-groups put": line("reservation-groups put {s.depot} cli-fast --name Cli --charger {s.charger}"),
    "reservation-groups list": line("reservation-groups list {s.depot}"),
    "reservation-groups show": line("reservation-groups show {s.depot} cli-fast"),
    "entrances put": line("entrances put {s.depot} cli-gate --name Gate"),
    "entrances list": line("entrances list {s.depot}"),
    "entrances show": line("entrances show {s.depot} cli-gate"),
    "entrances remove": line("entrances remove {s.depot} cli-gate"),
    "reservations make": line(
        "reservations make {s.depot} --charger {s.charger} --rfid 04B00000000000 --from 2040-01-01T06:00:00Z "
        "--until 2040-01-01T06:30:00Z"
    ),
    "reservations list": line("reservations list --depot {s.depot} --limit 1000"),
    "reservations show": line("reservations show {cli_reservation}"),
    "reservations change": line("reservations change {cli_reservation} --note Later"),
    "reservations replace": line("reservations replace {cli_reservation} --rfid 04B00000000000 --reason Late"),
    "reservations cancel": line("reservations cancel {cli_successor} --reason Over"),
    "reservations export": line("reservations export {s.depot} --output {d}/sheet.csv"),
    "reservations import": line("reservations import {s.depot} {d}/assignments.csv"),
    "reservations plan": line("reservations plan {cli_sheet_plan}"),
    "reservations apply": line("reservations apply {cli_sheet_plan}"),
    "schedules remove": line("schedules remove {cli_schedule}"),
    "exceptions add": line("exceptions add cli-{s.number} freevend --date 2027-01-01 --reason Day"),
    "exceptions list": line("exceptions list {s.charger}"),
    "exceptions remove": line("exceptions remove cli-{s.number} {cli_exception}"),
    "timeline": line("timeline {s.charger}"),
    "override": line("override cli-{s.number} freevend --reason Visit --for 1h"),
    "overrides": line("overrides cli-{s.number}"),
    "lift": line("lift cli-{s.number}"),
    "decide": line("decide {s.charger} rfid 04B00000000000"),
    "attempts list": line("attempts list --limit 1000"),
    "attempts show": line("attempts show {attempt}"),
    "attempts allow": line("attempts allow {refused} --for 1h --reason Visit"),
    "attempts allowed": line("attempts allowed {s.depot}"),
    "attempts disallow": line("attempts disallow {refused}"),
    "sessions end": line("sessions end {attempt} --reason Lost"),
    "report": line("report --by day,charger"),
    "unenrolled": line("unenrolled"),
    "energy-report": line("energy-report --part lineage"),
    "reservation-report": line("reservation-report --by day,charger"),
    "mode-compliance": line("mode-compliance --by day,charger"),
    "mode-changes": line("mode-changes"),
    "faults": line("faults"),
    "lockouts": line("lockouts"),
    "what-if": line("what-if {d}/changes.json"),
    "agreements put": line(
        "agreements put cli --name Couriers --fleet Couriers --valid-from 2026-01-01T00:00:00Z --depot {s.depot}"
    ),
    "agreements list": line("agreements list"),
    "agreements show": line("agreements show cli"),
    "agreements end": line("agreements end cli"),
    "vehicles put": line("vehicles put cli-{s.number} --name Bus --plate B-C{s.number}"),
    "vehicles list": line("vehicles list --limit 1000"),
    "vehicles find": line("vehicles find 04B00000000000"),
    "vehicles show": line("vehicles show cli-{s.number}"),
    "vehicles suspend": line("vehicles suspend cli-{s.number} --reason Lost"),
    "vehicles reinstate": line("vehicles reinstate cli-{s.number} --reason Found"),
    "vehicles remove": line("vehicles remove cli-{s.number}"),
    "api-keys create": line("api-keys create display --with-role viewer"),
    "api-keys list": line("api-keys list"),
    "api-keys revoke": line("api-keys revoke {cli_key}"),
    "denied list": line("denied list"),
    "denied ignore": line("denied ignore {denied} --reason Neighbour"),
    "denied unignore": line("denied unignore {denied}"),
    "denied enrol": line("denied enrol {denied} --vehicle cli-enrolled --name Bus --own"),
    "enrolment arm": line("enrolment arm {s.charger}"),
    "enrolment show": line("enrolment show {s.charger}"),
    "enrolment cancel": line("enrolment cancel {s.charger}"),
    "chargers export": line("chargers export --output {d}/chargers.csv"),
    "chargers import": line("chargers import {d}/chargers.csv"),
    "chargers plan": line("chargers plan {cli_charger_plan}"),
    "chargers apply": line("chargers apply {cli_charger_plan}"),
    "registry import": line("registry import {d}/vehicles.csv"),
    "registry plan": line("registry plan {cli_plan}"),
    "registry apply": line("registry apply {cli_plan}"),
    "audit list": line("audit list"),
    "audit export": line("audit export --output {d}/audit.csv"),
    "audit head": lambda s, d: ["audit", "head", "--data", str(d.parent)],
    "audit verify": lambda s, d: ["audit", "verify", "--data", str(d.parent)],
    "registry export": line("registry export --output {d}/export.csv"),
    "chargers retire": line("chargers retire cli-{s.number}"),
    "ocpi-partners put": line("ocpi-partners put DE-CLI --name Hub --own-party DE-BTF --own-name Us --depot {s.depot}"),
    "ocpi-partners list": line("ocpi-partners list"),
    "ocpi-partners show": line("ocpi-partners show DE-CLI"),
    "ocpi-partners invite": line("ocpi-partners invite DE-CLI"),
    "ocpi-partners register": line(
        "ocpi-partners register DE-CLI --versions-url https://hub.invalid/ocpi/versions --partner-token t"
    ),
    "ocpi-partners remove": line("ocpi-partners remove DE-CLI"),
    "oscp-providers put": line("oscp-providers put {s.depot} cli --name Grid"),
    "oscp-providers list": line("oscp-providers list {s.depot}"),
    "oscp-providers show": line("oscp-providers show {s.depot} cli"),
    "oscp-providers invite": line("oscp-providers invite {s.depot} cli"),
    "oscp-providers register": line(
        "oscp-providers register {s.depot} cli --base-url https://dso.invalid/oscp --provider-token t"
    ),
    "oscp-providers remove": line("oscp-providers remove {s.depot} cli"),
    "webhooks presets": line("webhooks presets"),
    "webhooks create": line("webhooks create Cli --url https://hooks.invalid/ --preset denied_vehicle --disable"),
    "webhooks list": line("webhooks list"),
    "webhooks show": line("webhooks show {cli_webhook}"),
    "webhooks change": line("webhooks change {cli_webhook} --name Hook"),
    "webhooks rotate-secret": line("webhooks rotate-secret {cli_webhook}"),
    "webhooks test": line("webhooks test {cli_webhook}"),
    "webhooks deliveries": line("webhooks deliveries {cli_webhook}"),
    "webhooks redeliver": line("webhooks redeliver {cli_webhook} --dead-letters"),
    "webhooks delete": line("webhooks delete {cli_webhook}"),
    "rebuild-read-models": lambda s, d: ["rebuild-read-models", "--data", str(d.parent)],
}
KEPT = {"rules add": ("cli_rule", "rule_id"), "exceptions add": ("cli_exception", "exception_id")}
KEPT |= {"schedules create": ("cli_schedule", "schedule_id")}
KEPT |= {
    "reservations make": ("cli_reservation", "reservation_id"),
    "reservations replace": ("cli_successor", "reservation_id"),
    "reservations import": ("cli_sheet_plan", "plan_id"),
}
KEPT |= {"depots override": ("cli_override", "override_id")}
KEPT |= {"api-keys create": ("cli_key", "key_id")}
KEPT |= {"registry import": ("cli_plan", "plan_id"), "chargers import": ("cli_charger_plan", "plan_id")}
KEPT |= {"registry import": ("cli_plan", "plan_id"), "webhooks create": ("cli_webhook", "webhook_id")}
