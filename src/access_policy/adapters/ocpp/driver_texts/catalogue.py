"""Driver texts by language. The texts in the program are English and are the keys of the other catalogues (gettext).

Babel reads the catalogues, and formats weekday and time for the language (CLDR).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from babel.messages.pofile import read_po

from access_policy.domain.access.denial import Denial
from access_policy.domain.access.reasons import Reason

ENGLISH: Final = "en"
PERSONAL_MESSAGE_MAX: Final = 512  # characters, OCPP 2.0.1 MessageContentType
PERSONAL_MESSAGE_MAX_21: Final = 1024  # OCPP 2.1
MANAGED_UNTIL: Final = "Managed access until {until}."
BEGINS: Final = "Your reservation lets you charge from {begins}. Come back then, or ask the depot office."
TIME_OF: Final = {MANAGED_UNTIL: "{until}", BEGINS: "{begins}"}

WHY: Final[Mapping[Reason, str]] = {
    Reason.IDENTIFIER_INVALID: "This card or code could not be read. Try again, or ask the depot office.",
    Reason.PIN_LOCKED_OUT: "Too many wrong PINs here. Wait ten minutes, or ask the depot office.",
    Reason.UNKNOWN_IDENTIFIER: "This vehicle is not registered here. Ask the depot office.",
    Reason.VEHICLE_SUSPENDED: "This vehicle is suspended from charging. Ask the depot office.",
    Reason.IDENTIFIER_IN_USE: "This vehicle's id is charging at another charger. Ask the depot office.",
    Reason.RESERVED_FOR_OTHER: "This charger is reserved at this time. Use another one, or ask the depot office.",
    Reason.RESERVATION_REQUIRED: "This charger needs a reservation. Use another one, or ask the depot office.",
    Reason.RESERVATION_NOT_STARTED: "Your reservation has not begun yet. Come back then, or ask the depot office.",
    Reason.RESERVATION_ENDED: "Your reservation is over. Ask the depot office.",
    Reason.VEHICLE_NOT_VALID: "This vehicle's registration does not hold today. Ask the depot office.",
    Reason.AGREEMENT_NOT_STARTED: "Your fleet's agreement has not started yet. Ask your dispatcher.",
    Reason.AGREEMENT_ENDED: "Your fleet's agreement has ended. Ask your dispatcher.",
    Reason.AGREEMENT_NOT_HERE: "Your fleet's agreement does not cover this charger. Use another one.",
    Reason.AGREEMENT_NOT_NOW: "Your fleet's agreement does not cover this hour. Ask your dispatcher.",
    Reason.ENERGY_RESTRICTED: "Power is short here at the moment. Try again later, or ask the depot office.",
}


class CatalogueIncomplete(Exception):
    """A catalogue lacks a text, or has a text without a required placeholder. The message names the file and the text."""


class DriverTexts:
    """All catalogues of this package. English is used for a missing language."""

    def __init__(self, catalogues: Mapping[str, Mapping[str, str]]) -> None:
        self._catalogues = catalogues

    @staticmethod
    @cache
    def packaged() -> DriverTexts:
        """Read the catalogues. Raises `CatalogueIncomplete`."""
        files = {
            file.name.removesuffix(".po"): file.read_bytes()
            for file in resources.files(__package__).iterdir()
            if file.name.endswith(".po")
        }
        return DriverTexts({language: _complete(language, read) for language, read in files.items()})

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({ENGLISH, *self._catalogues})

    def denial(self, denial: Denial, *, length_max: int) -> tuple[str, str]:
        """Return the text and its language. It gives the reason and what to do, and until when managed access lasts if that is
        known and the sentence fits; a sentence is omitted rather than cut.
        """
        language = denial.language if denial.language in self._catalogues else ENGLISH
        text = self._why(denial, language)
        if denial.managed_until is not None:
            until = _shown(denial.managed_until, denial.zone, language, "EEEHm")
            longer = f"{text} {self._in(language, MANAGED_UNTIL).format(until=until)}"
            text = longer if len(longer) <= length_max else text
        return text[:length_max], language

    def _why(self, denial: Denial, language: str) -> str:
        if denial.begins_at is None:
            return self._in(language, WHY[denial.reason])
        begins = _shown(denial.begins_at, denial.zone, language, "MMMEd", "Hm")
        return self._in(language, BEGINS).format(begins=begins)

    def _in(self, language: str, text: str) -> str:
        return text if language == ENGLISH else self._catalogues[language][text]


def _complete(language: str, file: bytes) -> dict[str, str]:
    catalogue = read_po(BytesIO(file), locale=language)
    texts: dict[str, str] = {}
    for text in (*WHY.values(), *TIME_OF):
        message = catalogue.get(text)
        translated = None if message is None or message.fuzzy else str(message.string)
        if not translated or TIME_OF.get(text, "") not in translated or ("{" in translated) is not (text in TIME_OF):
            raise CatalogueIncomplete(f"{language}.po: {text!r} has no usable translation")
        texts[text] = translated
    return texts


def _shown(instant: datetime, zone: ZoneInfo, language: str, *skeletons: str) -> str:
    return " ".join(format_skeleton(each, instant, tzinfo=zone, locale=language) for each in skeletons)
