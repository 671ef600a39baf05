"""A certificate of a test authority for a partner's server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.certificates import Files, TestAuthority


@dataclass(frozen=True)
class PartnerTrust:
    ca: Path
    certificate: Files


@pytest.fixture(scope="session")
def partner_trust(tmp_path_factory: pytest.TempPathFactory) -> PartnerTrust:
    authority = TestAuthority(tmp_path_factory.mktemp("authority"))
    return PartnerTrust(authority.certificate, authority.issue("partner", host="partner.example"))
