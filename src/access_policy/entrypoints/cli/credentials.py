"""The token of a run: the given one, or one signed with the keys in the service's data directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.entrypoints.cli.installation import signed_token


class NoToken(Exception):
    """No token was given, and no tenant to sign one for."""


@dataclass
class Credentials:
    """The credentials of a run. `data`: the directory with the keys. `is_signed` is true once a token was signed for
    `tenant`."""

    token: str | None = None
    tenant: str | None = None
    data: str = "data"
    role: Role = Role.OPERATOR
    is_signed: bool = field(default=False, init=False)

    def must_sign(self) -> bool:
        """Return whether a token must be signed before a request. Raises `NoToken`."""
        if self.token is not None:
            return False
        if self.tenant is None:
            raise NoToken(
                "no token; give --token, or on the service's own machine --as-tenant (and --keys-of DIRECTORY)"
            )
        return True

    def sign(self) -> None:
        assert self.tenant is not None
        self.token = signed_token(Path(self.data), self.tenant, self.role)
        self.is_signed = True

    def of_installation(self) -> Credentials:
        return Credentials(signed_token(Path(self.data), NO_TENANT, Role.INSTALLATION), data=self.data)

    def given_or_of_installation(self) -> Credentials:
        """Return the given token, or one of the installation."""
        return self.of_installation() if self.token is None else Credentials(self.token, data=self.data)
