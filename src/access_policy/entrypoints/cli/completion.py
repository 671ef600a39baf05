"""Arguments and options whose values are ids, which the shell completes (`completing`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import typer

Complete = Callable[[str], list[str]]

LISTS: Final[dict[Complete, str]] = {}
"""The API's list that supplies the ids of each mark. The table of completions contains its name."""


def _ids_of(listed: str) -> Complete:
    def complete(incomplete: str) -> list[str]:
        """Offer nothing: Typer's own completion is not used."""
        return []

    LISTS[complete] = listed
    return complete


chargers = _ids_of("chargers")
depots = _ids_of("depots")
schedules = _ids_of("schedules")
vehicles = _ids_of("vehicles")
agreements = _ids_of("agreements")
webhooks = _ids_of("webhooks")
ocpi_partners = _ids_of("ocpi-partners")

Charger = Annotated[
    str, typer.Argument(metavar="CHARGER", autocompletion=chargers, help="Charger id, or its beginning")
]
Depot = Annotated[str, typer.Argument(metavar="DEPOT", autocompletion=depots, help="Depot id, or its beginning")]
Schedule = Annotated[
    str, typer.Argument(metavar="SCHEDULE", autocompletion=schedules, help="Schedule id, or its beginning")
]
