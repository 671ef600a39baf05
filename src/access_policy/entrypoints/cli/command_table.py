"""All commands and groups of the first level, in the order of the help, with the module that holds each.

The help of the first level comes from this table alone; a module is imported when its command is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Entry:
    """A command or group. `group`: the name of the Typer in the module that has the group's commands; None: the module
    has a command with the entry's name."""

    name: str
    module: str
    help: str
    group: str | None = "app"
    hidden: bool = False


def _command(name: str, module: str, text: str, *, hidden: bool = False) -> Entry:
    return Entry(name, module, text, group=None, hidden=hidden)


SECTIONS: Final[dict[str, tuple[Entry, ...]]] = {
    "Every day": (
        _command("status", "overview", "Show whether the service is ready and the chargers are in their modes"),
        _command("watch", "watch", "Show changes as they happen, until Ctrl-C"),
        _command("timeline", "timelines", "Draw the mode at each hour: a charger's week, or a depot's day"),
        _command("override", "overrides", "Override the schedules of chargers for a limited time"),
        _command("lift", "overrides", "End an override now"),
        _command("overrides", "overrides", "List a charger's overrides"),
        _command("decide", "access", "Decide whether an identifier may charge here, and explain"),
        Entry("attempts", "access", "Access attempts, their decisions and sessions", "attempts"),
        Entry("sessions", "access", "Charging sessions", "sessions"),
        Entry("denied", "enrolment", "Denied identifiers without a vehicle", "denied"),
        Entry("enrolment", "enrolment", "Offer the next unknown identifier at a charger"),
    ),
    "Chargers and schedules": (
        Entry("depots", "depots", "Sites with a time zone"),
        Entry("chargers", "charger_group", "Chargers, their status, and calls to them"),
        Entry("schedules", "schedules", "Schedules that many chargers of a depot follow"),
        Entry("reservations", "reservation_group", "Chargers held for vehicles, and the dispatch sheet"),
        Entry("energy", "energy_group", "Who may start when power is short: sites, envelopes and gates"),
        Entry("reservation-groups", "reservation_groups", "Sets of chargers, any of which satisfies a reservation"),
        Entry("entrances", "entrances", "Barriers and doors of a depot, and the chargers behind them"),
        Entry("rules", "rules", "Recurring windows with a mode"),
        Entry("exceptions", "exceptions", "Whole days with another mode"),
        Entry("calendars", "calendars", "Holiday calendars that the chargers of a depot share"),
        _command("profiles", "overview", "List the available capability profiles"),
        Entry("profile", "profiles", "Your own capability profiles, which describe charger models"),
    ),
    "Vehicles": (
        Entry("vehicles", "vehicles", "The vehicle registry"),
        Entry("agreements", "agreements", "Other fleets' contracts with the depot owner"),
        Entry("registry", "registry", "Import and export the registry as CSV"),
    ),
    "History and reports": (
        _command("report", "overview", "Count attempts by day, charger, reason and so on"),
        _command("unenrolled", "overview", "List refused identifiers without a vehicle"),
        _command("mode-compliance", "overview", "Report how many mode transitions were on time"),
        _command("reservation-report", "overview", "Report how many reservations were kept or missed"),
        _command("energy-report", "overview", "Report what energy gates refused, and time above limits"),
        _command("mode-changes", "overview", "List mode switches"),
        _command("faults", "overview", "List charger faults"),
        _command("lockouts", "overview", "List lock-outs after too many wrong PINs"),
        _command("what-if", "what_if", "Decide recorded attempts again under proposed changes"),
        Entry("audit", "audit", "Who changed and read what, and the chain that proves it"),
    ),
    "Access to the service": (
        _command("login", "contexts", "Store the address and a token of a service under a name"),
        Entry("context", "contexts", "The stored services, and the one in use", "group"),
        Entry("api-keys", "api_keys", "Keys for machines that call the API"),
        Entry("webhooks", "webhooks", "URLs to which events are delivered, signed"),
        Entry("ocpi-partners", "ocpi_partners", "Partners that may book chargers by OCPI"),
        Entry("oscp-providers", "oscp_providers", "Providers that limit the energy of a depot by OSCP"),
        Entry("tenants", "tenants", "The tenants of the installation"),
    ),
    "On the machine of the service": (
        _command("serve", "running", "Run the service until SIGTERM or Ctrl-C"),
        _command("token", "running", "Print a bearer token"),
        _command("login-link", "login_link", "Print a link that opens one session of the console"),
        _command("doctor", "doctor", "Check the installation, and say what to do"),
        _command("backup", "backups", "Back up the files and keys of the installation"),
        _command("restore", "backups", "Restore a backup to an empty data directory"),
        _command("finish-restore", "backups", "Finish a restore once every database is restored"),
        _command("migrate", "databases", "Migrate the databases to this version"),
        _command("rebuild-read-models", "databases", "Rebuild read models from the event log"),
        _command("rebuild", "databases", "Rebuild read models from the event log", hidden=True),
        _command("parked", "databases", "List events that a read model could not apply"),
        Entry("tenant", "tenant_data", "Export or erase all data of one tenant"),
        _command("demo-once", "running", "Run the demo for about a minute, and check it"),
    ),
}
ENTRIES: Final = {entry.name: entry for entries in SECTIONS.values() for entry in entries}
