"""The HTTP connection to the service. Every failure of the connection is `Unreachable`, with a line for the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    import httpx

TIMEOUT_S = 60.0

_NO_HEADERS: Mapping[str, str] = {}
_NO_QUERY: Mapping[str, Any] = {}


class Unreachable(Exception):
    """The service cannot be reached or did not respond; the message says what to do."""


class Interrupted(Exception):
    """An endless response was cut off; the caller may request the rest."""


@dataclass
class Connection:
    """A connection. `ca`: a CA certificate (PEM) that is trusted in addition to those of the system. `transport`
    replaces the network in tests."""

    url: str
    ca: Path | None = None
    transport: httpx.BaseTransport | None = None
    timeout_s: float = field(default=TIMEOUT_S, kw_only=True)

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        query: Mapping[str, Any] = _NO_QUERY,
        body: Any = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Return the response, whatever its status. Raises `Unreachable`."""
        import httpx

        parameters = _parameters(query)
        try:
            return self._client.request(
                method, self._address(path), params=parameters, json=body, content=content, headers=headers
            )
        except httpx.ConnectError as error:
            raise self._not_running() from error
        except httpx.TimeoutException as error:
            raise Unreachable(
                f"{self.url} did not respond within {self.timeout_s:g} s; it may still execute the request"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self.url}: {str(error) or type(error).__name__}") from error

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str], query: Mapping[str, Any]) -> Iterator[httpx.Response]:
        """Yield a response whose lines are read as they arrive. Raises `Unreachable` and `Interrupted`."""
        import httpx

        parameters: dict[str, Any] = {name: value for name, value in query.items() if value is not None}
        try:
            with self._client.stream("GET", self._address(path), params=parameters, headers=headers) as response:
                yield response
        except httpx.ConnectError as error:
            raise self._not_running() from error
        except httpx.TransportError as error:
            raise Interrupted(type(error).__name__) from error

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def _address(self, path: str) -> str:
        return self.url.rstrip("/") + path

    def _not_running(self) -> Unreachable:
        return Unreachable(f"cannot connect to {self.url}; is the service running? Start it with: access-policy serve")

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        verify = _trusting(self.ca) if self.url.startswith("https:") or self.ca is not None else _trusting_nobody()
        return httpx.Client(transport=self.transport, timeout=self.timeout_s, trust_env=False, verify=verify)


def _trusting_nobody() -> ssl.SSLContext:
    """Return a context for an address without TLS: loading the system's authorities takes 30 ms, longer than most
    requests."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _trusting(ca: Path | None) -> ssl.SSLContext:
    import ssl

    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    if ca is None:
        return context
    try:
        context.load_verify_locations(ca)
    except (ssl.SSLError, OSError) as error:
        raise Unreachable(f"{ca} is not a readable CA certificate ({error}); give it as PEM") from error
    return context


def _parameters(query: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Return the parameters to send: a list becomes one parameter for each of its items; None is left out."""
    return {
        name: [str(each) for each in value] if isinstance(value, list) else str(value)
        for name, value in query.items()
        if value is not None
    }
