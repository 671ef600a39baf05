"""Tokens of our own: what was issued here is taken, and nothing else."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from access_policy.adapters.identity.embedded import (
    AUDIENCE,
    ISSUER,
    KEY_FILE,
    LEEWAY,
    TTL_MAX,
    EmbeddedTokens,
    KeyFileUnsafe,
    open_embedded_tokens,
)
from access_policy.application.ports.identity import NO_TENANT, Identity, Role, TokenRefused
from access_policy.domain.ids import ActorId, InvalidId, TenantId
from access_policy.domain.tenants.tenant import TenantInvalid
from tests.support.depot_in_memory import SettableClock

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
KEY = ec.generate_private_key(ec.SECP256R1())
STRANGERS_KEY = ec.generate_private_key(ec.SECP256R1())
P384_KEY = ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "anna",
    "tenant": "acme",
    "role": "admin",
    "iat": int(NOW.timestamp()),
    "exp": int((NOW + HOUR).timestamp()),
}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def tokens(clock: SettableClock) -> EmbeddedTokens:
    return EmbeddedTokens(KEY, clock)


# --- what was issued here ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.INSTALLATION])
def test_an_issued_token_says_who_calls(tokens: EmbeddedTokens, role: Role) -> None:
    token = tokens.issue("acme", role, subject="anna", ttl=HOUR)

    assert tokens.verify(token) == Identity(tenant_id=TenantId("acme"), role=role, subject=ActorId("anna"))


def test_issued_token_for_some_depots_limits_its_caller(tokens: EmbeddedTokens) -> None:
    token = tokens.issue("acme", Role.OPERATOR, subject="anna", ttl=HOUR, depots=["north", "south"])

    assert tokens.verify(token).depots == {"north", "south"}


def test_issue_for_the_installation_names_no_tenant(tokens: EmbeddedTokens) -> None:
    token = tokens.issue(NO_TENANT, Role.INSTALLATION, subject="prometheus", ttl=HOUR)

    assert tokens.verify(token) == Identity(tenant_id=NO_TENANT, role=Role.INSTALLATION, subject=ActorId("prometheus"))
    assert "tenant" not in jwt.decode(token, options={"verify_signature": False})


def test_issue_for_the_installation_with_a_tenant_is_refused(tokens: EmbeddedTokens) -> None:
    with pytest.raises(ValueError, match="belongs to no tenant"):
        tokens.issue("acme", Role.INSTALLATION, subject="prometheus", ttl=HOUR)


def test_a_token_holds_until_its_time_is_over(tokens: EmbeddedTokens, clock: SettableClock) -> None:
    token = tokens.issue("acme", Role.VIEWER, subject="anna", ttl=HOUR)

    clock.set(NOW + HOUR + LEEWAY - SECOND)
    tokens.verify(token)

    clock.set(NOW + HOUR + LEEWAY)
    with pytest.raises(TokenRefused):
        tokens.verify(token)


def test_a_clock_that_is_a_little_behind_does_not_matter(tokens: EmbeddedTokens, clock: SettableClock) -> None:
    token = tokens.issue("acme", Role.VIEWER, subject="anna", ttl=HOUR)

    clock.set(NOW - LEEWAY)
    tokens.verify(token)

    clock.set(NOW - LEEWAY - SECOND)
    with pytest.raises(TokenRefused):
        tokens.verify(token)


@pytest.mark.parametrize("ttl", [timedelta(0), -HOUR, TTL_MAX + SECOND])
def test_no_token_is_issued_for_no_time_or_for_ever(tokens: EmbeddedTokens, ttl: timedelta) -> None:
    with pytest.raises(ValueError, match="validity must be positive"):
        tokens.issue("acme", Role.VIEWER, subject="anna", ttl=ttl)


@pytest.mark.parametrize(("tenant", "subject"), [("", "anna"), ("acme/other", "anna"), ("acme", "an\nna")])
def test_no_token_is_issued_for_ids_that_cannot_be(tokens: EmbeddedTokens, tenant: str, subject: str) -> None:
    with pytest.raises(InvalidId):
        tokens.issue(tenant, Role.VIEWER, subject=subject, ttl=HOUR)


def test_no_token_is_issued_for_the_installation_as_a_tenant(tokens: EmbeddedTokens) -> None:
    with pytest.raises(TenantInvalid, match="stands for the installation"):
        tokens.issue("-", Role.ADMIN, subject="anna", ttl=HOUR)


# --- forgeries --------------------------------------------------------------------------------------------------------


def signed(claims: dict[str, Any], key: Any = KEY, algorithm: str = "ES256", **headers: Any) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers or None)


def claiming(**changes: Any) -> str:
    """Signed with the right key: what only the claims can betray."""
    return signed({name: value for name, value in (CLAIMS | changes).items() if value is not None})


def encoded(part: object) -> str:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def with_public_key_as_secret() -> str:
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    content = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(CLAIMS)}"
    mac = hmac.HMAC(pem, hashes.SHA256())
    mac.update(content.encode())
    return f"{content}.{encoded(mac.finalize())}"


def altered() -> str:
    header, _, signature = signed(CLAIMS | {"role": "viewer"}).split(".")
    return f"{header}.{encoded(CLAIMS)}.{signature}"


def without_signature() -> str:
    return signed(CLAIMS).rpartition(".")[0] + "."


def signed_with_zeros() -> str:
    return f"{signed(CLAIMS).rpartition('.')[0]}.{encoded(bytes(64))}"


STRANGERS_JWK = jwt.algorithms.ECAlgorithm.to_jwk(STRANGERS_KEY.public_key(), as_dict=True)

FORGERIES: dict[str, Callable[[], str]] = {
    "algorithm none": lambda: f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(CLAIMS)}.",
    "algorithm None": lambda: f"{encoded({'alg': 'None'})}.{encoded(CLAIMS)}.",
    "no algorithm": lambda: f"{encoded({'typ': 'JWT'})}.{encoded(CLAIMS)}.",
    "HS256 with the public key": with_public_key_as_secret,
    "another key": lambda: signed(CLAIMS, STRANGERS_KEY),
    "another key, embedded": lambda: signed(CLAIMS, STRANGERS_KEY, jwk=STRANGERS_JWK),
    "another key, by address": lambda: signed(CLAIMS, STRANGERS_KEY, jku="https://example.org/keys", kid="1"),
    "another key, by certificate": lambda: signed(CLAIMS, STRANGERS_KEY, x5u="https://example.org/cert"),
    "another key, by chain": lambda: signed(CLAIMS, STRANGERS_KEY, x5c=["AAAA"]),
    "another key, by path": lambda: signed(CLAIMS, STRANGERS_KEY, kid="../../../../dev/null"),
    "ES384 on another curve": lambda: signed(CLAIMS, P384_KEY, "ES384"),
    "RS256": lambda: signed(CLAIMS, RSA_KEY, "RS256"),
    "PS256": lambda: signed(CLAIMS, RSA_KEY, "PS256"),
    "ES256 claimed, signed on another curve": lambda: (
        f"{encoded({'alg': 'ES256'})}.{encoded(CLAIMS)}.{signed(CLAIMS, P384_KEY, 'ES384').rpartition('.')[2]}"
    ),
    "a critical extension": lambda: signed(CLAIMS, crit=["exp"]),
    "a critical extension nobody knows": lambda: signed(CLAIMS, crit=["moon"], moon=True),
    "a detached payload": lambda: signed(CLAIMS, b64=False),
    "claims altered": altered,
    "signature cut off": without_signature,
    "signature of zeros": signed_with_zeros,
    "another issuer": lambda: claiming(iss="https://login.example.org"),
    "another audience": lambda: claiming(aud="billing"),
    "expired": lambda: claiming(iat=int((NOW - 2 * HOUR).timestamp()), exp=int((NOW - HOUR).timestamp())),
    "issued in the future": lambda: claiming(iat=int((NOW + HOUR).timestamp()), exp=int((NOW + 2 * HOUR).timestamp())),
    "not yet valid": lambda: claiming(nbf=int((NOW + HOUR).timestamp())),
    "end in words": lambda: claiming(exp="tomorrow"),
    "end as a truth": lambda: claiming(exp=True),
    "an unknown role": lambda: claiming(role="root"),
    "a role of another case": lambda: claiming(role="ADMIN"),
    "a list of roles": lambda: claiming(role=["admin"]),
    "a tenant with a slash": lambda: claiming(tenant="acme/other"),
    "the installation as a tenant": lambda: claiming(tenant="-"),
    "an empty tenant": lambda: claiming(tenant=""),
    "a tenant that is a number": lambda: claiming(tenant=7),
    "a tenant with the role of the installation": lambda: claiming(role="installation"),
    "a subject with a line break": lambda: claiming(sub="anna\nroot"),
    "a huge token": lambda: claiming(padding="x" * 5_000),
    "nothing": lambda: "",
    "no JWT": lambda: "let me in",
    "three dots": lambda: "...",
    "a JWT of five parts": lambda: "a.b.c.d.e",
    "a header that is no JSON": lambda: f"{encoded(b'{')}.{encoded(CLAIMS)}.{encoded(bytes(64))}",
    "a header that is a list": lambda: f"{encoded([])}.{encoded(CLAIMS)}.{encoded(bytes(64))}",
    "a header of deeply nested lists": lambda: f"{encoded(b'[' * 2_900)}.{encoded(CLAIMS)}.{encoded(bytes(64))}",
    "depots that are a number": lambda: claiming(depots=1),
    "letters that are no ASCII": lambda: "ä.ö.ü",
    "half a character": lambda: "\ud800.\ud800.\ud800",
    **{f"no claim {name}": lambda name=name: claiming(**{name: None}) for name in CLAIMS},  # type: ignore[misc]
}


def test_the_forgeries_start_from_a_token_that_is_taken(tokens: EmbeddedTokens) -> None:
    assert tokens.verify(claiming()).role is Role.ADMIN


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_refused(tokens: EmbeddedTokens, forgery: Callable[[], str]) -> None:
    with pytest.raises(TokenRefused):
        tokens.verify(forgery())


# --- the key file -----------------------------------------------------------------------------------------------------


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path, clock: SettableClock) -> None:
    first = open_embedded_tokens(tmp_path / "keys", clock)
    again = open_embedded_tokens(tmp_path / "keys", clock)

    again.verify(first.issue("acme", Role.VIEWER, subject="anna", ttl=HOUR))
    assert [file.name for file in (tmp_path / "keys").iterdir()] == [KEY_FILE]
    assert (tmp_path / "keys" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_may_touch_is_not_used_and_the_message_says_what_to_do(
    tmp_path: Path, clock: SettableClock, mode: int
) -> None:
    open_embedded_tokens(tmp_path, clock)
    (tmp_path / KEY_FILE).chmod(mode)

    with pytest.raises(KeyFileUnsafe, match="chmod 600") as refused:
        open_embedded_tokens(tmp_path, clock)

    assert str(tmp_path / KEY_FILE) in str(refused.value)


def test_a_key_of_another_curve_is_not_used(tmp_path: Path, clock: SettableClock) -> None:
    pem = P384_KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / KEY_FILE
    file.touch(mode=0o600)
    file.write_bytes(pem)

    with pytest.raises(KeyFileUnsafe, match="P-256"):
        open_embedded_tokens(tmp_path, clock)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_key_is_not_used_and_the_message_names_the_file(
    tmp_path: Path, clock: SettableClock, content: bytes
) -> None:
    file = tmp_path / KEY_FILE
    file.touch(mode=0o600)
    file.write_bytes(content)

    with pytest.raises(KeyFileUnsafe, match=KEY_FILE):
        open_embedded_tokens(tmp_path, clock)


def test_a_draft_that_a_crash_left_behind_does_not_matter(
    tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getpid", lambda: 1)  # as in every container
    for draft in (f"{KEY_FILE}.1", f".{KEY_FILE}.1"):
        (tmp_path / draft).write_bytes(b"half a k")

    open_embedded_tokens(tmp_path, clock).issue("acme", Role.VIEWER, subject="anna", ttl=HOUR)


ISSUER_PROGRAM = """
import sys
from datetime import timedelta
from pathlib import Path
from access_policy.adapters.clock import SystemClock
from access_policy.adapters.identity.embedded import open_embedded_tokens
from access_policy.application.ports.identity import Role
print("ready", flush=True)
sys.stdin.readline()
tokens = open_embedded_tokens(Path(sys.argv[1]), SystemClock())
print(tokens.issue("acme", Role.VIEWER, subject="anna", ttl=timedelta(hours=1)))
"""


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ISSUER_PROGRAM, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    issued = [process.communicate(timeout=30)[0].strip() for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    tokens = open_embedded_tokens(directory, SettableClock(datetime.now(UTC)))
    assert {tokens.verify(token).tenant_id for token in issued} == {"acme"}
    assert [file.name for file in directory.iterdir()] == [KEY_FILE]
