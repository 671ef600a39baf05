"""Power in whole watts."""

from __future__ import annotations

from typing import Final

from access_policy.domain.errors import Invalid

WATTS_MAX: Final = 1_000_000_000


def check_watts(watts: int | None, name: str, refusal: type[Invalid], *, pointer: str | None = None) -> None:
    """Check a power; None is accepted. Raises `refusal` for a negative power and for one above `WATTS_MAX`."""
    if watts is not None and not 0 <= watts <= WATTS_MAX:
        raise refusal(
            f"{name} must be between 0 and {WATTS_MAX} watts; give a power in W.", pointer=pointer or f"/{name}"
        )
