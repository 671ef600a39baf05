"""Translate requests that use the names of Bookings edition 1.0 (2025-06) to those of edition 1.1 (2025-12).

This applies to input only: the service answers and pushes with the names of edition 1.1. If a field is present under both
names, the value under the 1.1 name wins.
"""

from __future__ import annotations

from typing import Any, Final

RENAMED: Final = {"bookable_parking_option": "booking_option", "access_methods": "access_information"}
RENAMED_IN_PERIOD: Final = {"start_from": "start_date_time", "end_before": "end_date_time"}
RENAMED_IN_ACCESS: Final = {"location_access": "method"}
MOVED_INTO_OPTION: Final = ("evse_uid", "connector_id", "parking_id")


def as_edition_1_1(request: Any) -> Any:
    """Translate a booking request in JSON. Anything but an object is returned unchanged, and the model refuses it."""
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
