"""Settings of the console: where browsers reach it, how people sign in, and how long a session lasts."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings


def _origin(value: Any) -> Any:
    if not value or not isinstance(value, str):
        return value or ""
    try:
        url = urlsplit(value)
        _ = url.port
    except ValueError:
        raise ValueError(f"{value!r} cannot be read as a URL; write https://HOST") from None
    if url.scheme not in ("https", "http") or not url.hostname or url.username is not None:
        raise ValueError(
            f"{value!r} is not an address at which browsers reach the service; write https://HOST or https://HOST:PORT"
        )
    if url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError(f"{value!r} has a path; write only https://HOST or https://HOST:PORT")
    return f"{url.scheme}://{url.netloc.lower()}"


class ConsoleSettings(BaseSettings):
    public_url: Annotated[str, BeforeValidator(_origin)] = Field(
        default="",
        description="Where browsers reach the service, such as https://access.example; empty: the address in each request",
    )
    oidc_console_client: str = Field(
        default="", description="Client (`client_id`) with which people sign in to the console at the issuer"
    )
    oidc_console_secret: str = Field(
        default="", repr=False, description="Secret of that client; empty: a public client with PKCE"
    )
    oidc_console_scopes: str = Field(default="openid", pattern=r"(^| )openid( |$)", description="Scopes of a sign-in")
    console_tenant: str = Field(
        default="default",
        min_length=1,
        description="Tenant of the one-time link that `serve` prints where the embedded key signs tokens",
    )
    session_idle_minutes: int = Field(
        default=60, ge=1, le=1440, description="Minutes without a request after which a session of the console ends"
    )
    session_hours: int = Field(
        default=12, ge=1, le=720, description="Hours after which a session of the console ends, even if it is in use"
    )
