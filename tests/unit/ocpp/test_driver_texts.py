"""Texts for refused drivers in the depot's language: the reason, what to do, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from access_policy.adapters.ocpp.driver_texts import catalogue
from access_policy.adapters.ocpp.driver_texts.catalogue import (
    PERSONAL_MESSAGE_MAX,
    WHY,
    CatalogueIncomplete,
    DriverTexts,
)
from access_policy.adapters.ocpp.incoming.denial_signals import STATUS_2X
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.depots.depot import LANGUAGES
from tests.support.builders import berlin
from tests.support.rows import ACME

TEXTS = DriverTexts.packaged()
SIX = berlin("2026-11-20 06:00")


def denial(reason: Reason = Reason.UNKNOWN_IDENTIFIER, language: str = "en", until: datetime | None = SIX) -> Denial:
    return Denial(
        tenant_id=ACME,
        reason=reason,
        managed_until=until,
        agreement_ended=False,
        language=language,
        zone=ZoneInfo("Europe/Berlin"),
        profile="ocpp201-central",
    )


def told(of: Denial, length_max: int = PERSONAL_MESSAGE_MAX) -> str:
    return TEXTS.denial(of, length_max=length_max)[0]


def test_every_denial_has_a_text_in_every_language_of_a_depot() -> None:
    assert TEXTS.languages == set(LANGUAGES)
    assert set(WHY) == set(STATUS_2X) == set(Reason) - ALLOWING
    said = {told(denial(reason, language)) for reason in WHY for language in LANGUAGES}
    assert len(said) == len(WHY) * len(LANGUAGES)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "This vehicle is not registered here. Ask the depot office. Managed access until Fri 06:00."),
        ("de", "Dieses Fahrzeug ist hier nicht registriert. Bitte im Depotbüro nachfragen. "
               "Zugang nur für Berechtigte bis Fr., 06:00."),
        ("fr", "Ce véhicule n’est pas enregistré ici. Adressez-vous au bureau du dépôt. "
               "Accès réservé jusqu’au ven. 06:00."),
        ("es", "Este vehículo no está registrado aquí. Pregunte en la oficina del depósito. "
               "Acceso restringido hasta el vie, 6:00."),
        ("nl", "Dit voertuig is hier niet geregistreerd. Vraag het aan het depotkantoor. "
               "Beperkte toegang tot vr 06:00."),
    ],
)  # fmt: skip
def test_it_says_why_what_to_do_and_until_when_as_people_there_write_it(language: str, text: str) -> None:
    assert TEXTS.denial(denial(language=language), length_max=PERSONAL_MESSAGE_MAX) == (text, language)


def test_without_an_end_in_sight_none_is_promised() -> None:
    assert told(denial(until=None)) == "This vehicle is not registered here. Ask the depot office."


def test_a_language_without_a_catalogue_is_told_in_english_and_says_so() -> None:
    assert TEXTS.denial(denial(language="pt", until=None), length_max=512) == (
        "This vehicle is not registered here. Ask the depot office.",
        "en",
    )


def test_where_there_is_no_room_the_end_is_left_out_rather_than_cut() -> None:
    assert told(denial(), length_max=70) == told(denial(until=None))
    assert len(told(denial(), length_max=20)) == 20


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Your reservation lets you charge from Fri, Nov 20 06:00. Come back then, or ask the depot office."),
        ("de", "Mit Ihrer Reservierung können Sie ab Fr., 20. Nov. 06:00 laden. Bitte dann wiederkommen oder im Depotbüro "
               "nachfragen."),
        ("fr", "Avec votre réservation, vous pouvez charger à partir de ven. 20 nov. 06:00. Revenez alors ou adressez-vous "
               "au bureau du dépôt."),
        ("es", "Con su reserva puede cargar a partir de vie, 20 nov 6:00. Vuelva entonces o pregunte en la oficina del "
               "depósito."),
        ("nl", "Met uw reservering kunt u laden vanaf vr 20 nov 06:00. Kom dan terug of vraag het aan het depotkantoor."),
    ],
)  # fmt: skip
def test_it_says_from_when_on_a_reservation_admits(language: str, text: str) -> None:
    early = replace(denial(Reason.RESERVATION_NOT_STARTED, language, until=None), begins_at=SIX)

    assert told(early) == text


@pytest.mark.parametrize("spoil", [b"", b"{until}"])
def test_a_catalogue_that_lacks_a_text_or_a_placeholder_is_not_used(spoil: bytes) -> None:
    complete = (catalogue.resources.files(catalogue.__package__) / "de.po").read_bytes()
    translation = "Zugang nur für Berechtigte bis {until}.".encode()
    assert catalogue._complete("de", complete)

    with pytest.raises(CatalogueIncomplete, match=r"de\.po"):
        catalogue._complete("de", complete.replace(spoil or translation, b""))
