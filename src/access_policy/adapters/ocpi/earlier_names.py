"""Read requests with the names of Bookings edition 1.0 (2025-06) as edition 1.1 (2025-12) names them.

Only input: this service answers and pushes with the names of edition 1.1. A field under both names keeps that of 1.1.
"""

from __future__ import annotations

from typing import Any, Final

RENAMED: Final = {"bookable_parking_option": "booking_option", "access_methods": "access_information"}
RENAMED_IN_PERIOD: Final = {"start_from": "start_date_time", "end_before": "end_date_time"}
RENAMED_IN_ACCESS: Final = {"location_access": "method"}
MOVED_INTO_OPTION: Final = ("evse_uid", "connector_id", "parking_id")


def as_edition_1_1(request: Any) -> Any:
    """A booking request as JSON; anything else is returned as it is, for the model to refuse."""
    if not isinstance(request, dict):
        return request
    read = _renamed(request, RENAMED)
    read["period"] = _renamed(read.get("period"), RENAMED_IN_PERIOD)
    if isinstance(access := read.get("access_information"), list):
        read["access_information"] = [_renamed(each, RENAMED_IN_ACCESS) for each in access]
    moved = {name: read.pop(name) for name in MOVED_INTO_OPTION if name in read}
    option = read.get("booking_option")
    if moved and (option is None or isinstance(option, dict)):
        read["booking_option"] = {**moved, **(option or {})}
    return {name: value for name, value in read.items() if value is not None}


def _renamed(found: Any, names: dict[str, str]) -> Any:
    if not isinstance(found, dict):
        return found
    kept = {name: value for name, value in found.items() if name not in names}
    earlier = {new: found[old] for old, new in names.items() if old in found}
    return {**earlier, **kept}
