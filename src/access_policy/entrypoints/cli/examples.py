"""Examples in the help, by command."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "override": (
        "override bay-1 freevend --reason visit --for 2h",
        "override bay-1 bay-2 'gate-*' freevend --reason festival --until 'tomorrow 06:00'",
    ),
    "lift": ("lift bay-1", "lift 'bay-*'"),
    "timeline": ("timeline bay-1", "timeline --depot north", "timeline 'bay-*' --from tomorrow --until 3d"),
    "decide": ("decide bay-1 rfid 04A1B2C3D4E5F6", "decide bay-1 rfid 04A1B2C3D4E5F6 --at 'tomorrow 22:30'"),
    "report": ("report --by day,charger --from 30d", "report --by reason --depot north --csv denials.csv"),
    "login": ("login https://charging.example --name depot", "login https://charging.example < token.txt"),
    "attempts list": ("attempts list --decision denied --from 2h", "attempts list --charger bay-1 --from yesterday"),
    "attempts allow": ("attempts allow ATTEMPT --reason 'card left at home' --until 'tomorrow 06:00'",),
    "rules add": (
        "rules add bay-1 --name Nights --mode managed --recurrence weekdays --start 22:00 --end 06:00",
        "rules add bay-1 --name Market --mode freevend --recurrence wed,sat --start 08:00 --end 14:00",
    ),
    "schedules create": (
        "schedules create north Nights --rule Nights --mode managed --recurrence daily --start 22:00 --end 06:00 --all",
    ),
    "exceptions add": ("exceptions add bay-1 freevend --reason 'open day' --date 2026-12-05",),
    "vehicles put": ("vehicles put bus-7 --name 'Bus 7' --rfid 04A1B2C3D4E5F6",),
    "chargers put": (
        "chargers put bay-1 --charge-point-id CP-1 --depot north --profile ocpp16-central --baseline-mode managed",
    ),
    "chargers list": ("chargers list --depot north --sync drifted",),
    "depots put": ("depots put north --name North --time-zone Europe/Berlin",),
    "calendars add-day": ("calendars add-day north 2027-05-05='Liberation Day'",),
    "calendars import": ("calendars import north holidays holidays.ics --years 2026-2028",),
    "registry import": ("registry import fleet.csv", "registry import fleet.csv --replace --apply"),
    "api-keys create": ("api-keys create yard-display --with-role viewer --depot north --expires-in 90d",),
    "serve": ("serve --data /var/lib/access-policy", "serve --demo"),
}


def lines_of(path: str) -> list[str]:
    """Return the examples of a command as they are typed."""
    return [f"access-policy {example}" for example in EXAMPLES.get(path, ())]
