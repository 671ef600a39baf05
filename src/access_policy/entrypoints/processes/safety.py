"""Settings and directories with which a process must not start."""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from access_policy.adapters.identity.issuer import Issuer, IssuerUnreachable, IssuerUnusable
from access_policy.adapters.local_files.restore_markers import read_marker
from access_policy.adapters.local_files.tls_files import TlsFiles
from access_policy.adapters.outgoing.trust import CaUnusable, Trust, trusting
from access_policy.process_roles import ProcessRole
from access_policy.settings import Settings

log = logging.getLogger(__name__)

LOCK: Final = "serving.lock"


class NotAllowed(Exception):
    """The settings are unsafe; the message says what to do."""


def refuse_unsafe(settings: Settings) -> None:
    """Check the settings before anything is opened or created. Raises `NotAllowed`, or `TlsUnusable` for files that
    cannot be used."""
    if read_marker(settings.data) is not None:
        raise NotAllowed(
            f"The restore to {settings.data} is not finished. Restore the databases that are not in files, if any, "
            "then run: access-policy finish-restore"
        )
    if not settings.http.is_loopback and settings.oidc_issuer is None:
        raise NotAllowed(
            f"The embedded key is only for this machine, so the API must listen on loopback, not on {settings.http.host}. "
            "To serve other machines, set ACCESS_POLICY_OIDC_ISSUER to the URL of your identity provider, and "
            "ACCESS_POLICY_OIDC_AUDIENCE or ACCESS_POLICY_OIDC_CLIENTS; otherwise use 127.0.0.1."
        )
    if ProcessRole.API in settings.roles:
        refuse_plain_in_public(settings)
        check_http_tls(settings)
    if settings.ca_file is not None:
        check_ca_file(settings.ca_file)


def refuse_plain_in_public(settings: Settings) -> None:
    """Refuse to send tokens and data over a network in clear text unless the operator allows it. Raises
    `NotAllowed`."""
    is_protected = settings.http_tls_certificate is not None or settings.http_trusted_proxies
    if settings.http.is_loopback or is_protected or settings.http_allow_plain:
        return
    raise NotAllowed(
        f"The API would serve other machines on {settings.http.host} without TLS. "
        "Set ACCESS_POLICY_HTTP_TLS_CERTIFICATE and ACCESS_POLICY_HTTP_TLS_KEY, or name the proxy that terminates TLS in "
        "ACCESS_POLICY_HTTP_TRUSTED_PROXIES, or allow it with ACCESS_POLICY_HTTP_ALLOW_PLAIN=true."
    )


def check_http_tls(settings: Settings) -> None:
    """Check the TLS files. Raises `NotAllowed` if one of the two files is missing, `TlsUnusable` for files that cannot
    be used."""
    certificate, key = settings.http_tls_certificate, settings.http_tls_key
    if (certificate is None) is not (key is None):
        raise NotAllowed(
            "ACCESS_POLICY_HTTP_TLS_CERTIFICATE and ACCESS_POLICY_HTTP_TLS_KEY belong together; set both or neither."
        )
    if certificate is not None and key is not None:
        TlsFiles(certificate, key, checks_dates=True).context()


def check_ca_file(ca: Path) -> None:
    """Raise `NotAllowed` if the CA file cannot be used."""
    try:
        trusting(ca)
    except CaUnusable as unusable:
        raise NotAllowed(str(unusable)) from unusable


async def check_issuer(settings: Settings) -> None:
    """Fetch the issuer's keys before anything is opened or created. If the issuer does not respond, the service starts
    anyway: chargers need no issuer, and the keys are fetched later. Raises `NotAllowed` if the issuer does not match
    the settings."""
    if settings.oidc_issuer is None or ProcessRole.API not in settings.roles:
        return
    try:
        await Issuer(settings.oidc_issuer, Trust(settings.ca_file)).signing_keys()
    except IssuerUnusable as unusable:
        raise NotAllowed(str(unusable)) from unusable
    except IssuerUnreachable as trouble:
        log.warning("%s No one can sign in until it does.", trouble)


def opening_lock(directory: Path) -> IO[str]:
    """Wait for the lock under which this process opens the files in `directory`; closing the returned file releases it.
    If two processes start together, only one creates keys and tables."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory / "opening.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Lock the directory of a process, because two processes would drain the same spool and overwrite each other's
    snapshot.

    Raises `NotAllowed` if another process has the lock. The lock is released when the process ends, however it ends.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise NotAllowed(
                f"Another process serves from {directory}. Stop it, or give this one its own name with --instance."
            ) from taken
        yield


def serving_in(data: Path) -> list[Path]:
    """Return the directories in `data` from which a process is serving."""
    return [lock.parent for lock in sorted((*data.glob(LOCK), *data.glob(f"*/{LOCK}"))) if _is_locked(lock)]


def refuse_served(data: Path) -> None:
    """Raise `NotAllowed` if a process is serving from the data directory."""
    if serving := serving_in(data):
        raise NotAllowed(
            f"A service is running from {serving[0]}. Stop it first, or name another directory with --data."
        )


def _is_locked(path: Path) -> bool:
    with path.open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
