"""Forms: the CSRF token, a pydantic body built from the fields, and errors beside the fields. Entered text is kept.

A field's name is the JSON pointer of its value in the body without the first slash (`identifier/kind`), so that an error of
the API's own validation finds its field.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from access_policy.application.errors import VersionMismatch
from access_policy.domain.errors import Refused
from access_policy.domain.mode_schedule.rules import local_instant
from access_policy.entrypoints.http.auth import Caller
from access_policy.entrypoints.http.browsers import SAFE_METHODS, session_in
from access_policy.entrypoints.http.console.here import SALT_LENGTH, csrf_token
from access_policy.entrypoints.http.fields import utc_text
from access_policy.entrypoints.http.problems import ApiProblem, found_in

CSRF: Final = "csrf"
VERSION: Final = "version"
WAS: Final = "was"  # the values that the form was rendered with, as JSON
_OWN: Final = frozenset({CSRF, VERSION, WAS})
FILES_MAX: Final = 5
FIELDS_MAX: Final = 2000

Body = TypeVar("Body", bound=BaseModel)

REFUSALS: Final = (RequestValidationError, Refused, VersionMismatch)
"""The errors after which a form is rendered again."""


async def csrf_must_match(request: Request, _: Caller) -> None:
    """Check that a form sent with the session cookie contains the token of its page. Raises `ApiProblem`."""
    if request.method in SAFE_METHODS or "Authorization" in request.headers or session_in(request) is None:
        return
    sent = (await _fields(request)).get(CSRF)
    if not isinstance(sent, str) or not _is_token(request, sent):
        detail = "You have signed in again since this page was opened. Press the button once more."
        raise ApiProblem(HTTPStatus.FORBIDDEN, "stale-form", detail)


def _is_token(request: Request, sent: str) -> bool:
    return hmac.compare_digest(sent.encode(), csrf_token(request, sent[:SALT_LENGTH]).encode())


async def _fields(request: Request) -> Any:
    return await request.form(max_files=FILES_MAX, max_fields=FIELDS_MAX)


@dataclass(frozen=True, slots=True)
class Form:
    """A submitted or stored form. `values` are strings by field, or lists of strings for fields sent more than once.
    `errors` are messages by field; `problem` concerns the form as a whole. `version` is the stored version that the
    form was rendered from. `changed` are the fields that someone else has changed meanwhile, with their present
    values."""

    values: Mapping[str, str | list[str]] = field(default_factory=dict)
    was: Mapping[str, str | list[str]] = field(default_factory=dict)
    version: int | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    changed: Mapping[str, str | list[str]] = field(default_factory=dict)
    files: Mapping[str, UploadFile] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, str | list[str]], version: int | None = None) -> Form:
        """Return a form that shows what is stored."""
        return cls(values=values, was=values, version=version)

    def text(self, name: str) -> str:
        """Return one value, stripped; empty if the field was not sent."""
        found = self.values.get(name, "")
        return (found if isinstance(found, str) else found[0] if found else "").strip()

    def texts(self, name: str) -> list[str]:
        found = self.values.get(name, [])
        return [found] if isinstance(found, str) else list(found)

    def instant(self, name: str, zone: ZoneInfo) -> datetime | None:
        """Return a local time such as `2026-11-20T18:00` in that zone; None if the field is empty.

        Raises `RequestValidationError`.
        """
        if not (text := self.text(name)):
            return None
        try:
            local = datetime.fromisoformat(text)
        except ValueError as error:
            raise invalid({name: "Enter a date and a time, such as 2026-11-20 18:00."}) from error
        return local if local.tzinfo is not None else local_instant(local.date(), local.time(), zone)

    def body(
        self,
        model: type[Body],
        *,
        lists: Collection[str] = (),
        numbers: Collection[str] = (),
        flags: Collection[str] = (),
        instants: Collection[str] = (),
        zone: ZoneInfo | None = None,
        ignored: Collection[str] = (),
        **more: Any,
    ) -> Body:
        """Build the API's body from the fields. Empty fields are left out. `lists`, `numbers`, `flags` (checkboxes) and
        `instants` (local times of `zone`) name the fields that are not strings. Raises `RequestValidationError`."""
        found: dict[str, Any] = {}
        for name in self.values.keys() - _OWN - set(ignored):
            if name in lists:
                value: Any = [each for each in self.texts(name) if each]
            elif name in flags or not self.text(name):
                continue
            elif name in instants:
                assert zone is not None
                at = self.instant(name, zone)
                value = None if at is None else utc_text(at)
            else:
                value = _number(self.text(name)) if name in numbers else self.text(name)
            _put(found, name.split("/"), value)
        for name in flags:
            _put(found, name.split("/"), bool(self.text(name)))
        try:
            return model.model_validate({**found, **more})
        except ValidationError as error:
            raise RequestValidationError(
                [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
            ) from error

    def refused(self, error: Exception, present: Mapping[str, str | list[str]] | None = None) -> Form:
        """Return the same form with the errors beside its fields. `present`: what is stored now, to show what someone
        else has changed since the form was rendered, together with the new version."""
        match error:
            case RequestValidationError():
                found = dict(found_in(error))
            case Refused():
                found = {(error.pointer or "").removeprefix("/"): error.detail}
            case VersionMismatch():
                return self._overtaken(error.current, present or {})
            case _:
                raise error
        beside = {name: text for name, text in found.items() if name in self.values}
        rest = [f"{name}: {text}" if name else text for name, text in found.items() if name not in beside]
        return replace(self, errors=beside, problem=" ".join(rest) or "Correct the marked fields.")

    def _overtaken(self, version: int, present: Mapping[str, str | list[str]]) -> Form:
        changed = {name: text for name, text in present.items() if self.was.get(name, "") != text}
        untouched = {name for name in changed if self.values.get(name, "") == self.was.get(name, "")}
        values = {**self.values, **{name: changed[name] for name in untouched}}
        problem = (
            "Somebody else has saved a change since you opened this form. Nothing you typed is lost, and fields that you did "
            "not change show what is stored now: compare the marked fields, and press the button again to save."
        )
        return replace(self, values=values, version=version, changed=changed, was=present or self.was, problem=problem)

    @property
    def was_as_json(self) -> str:
        return json.dumps(dict(self.was))


def invalid(errors: Mapping[str, str]) -> RequestValidationError:
    """Return the error for fields that the page itself finds wrong."""
    return RequestValidationError(
        [{"type": "value_error", "loc": ("body", *name.split("/")), "msg": text} for name, text in errors.items()]
    )


async def _form(request: Request) -> Form:
    sent = await _fields(request)
    values: dict[str, str | list[str]] = {}
    files: dict[str, UploadFile] = {}
    for name in sent:
        found = sent.getlist(name)
        if isinstance(found[0], str):
            texts = [str(each) for each in found]
            values[name] = texts[0] if len(texts) == 1 else texts
        elif found[0].filename:
            files[name] = found[0]
    version = values.get(VERSION, "")
    return Form(
        values=values,
        was=_json_object(values.get(WAS, "")),
        version=int(version) if isinstance(version, str) and version.isdecimal() and len(version) < 16 else None,
        files=files,
    )


Sent = Annotated[Form, Depends(_form)]


def _json_object(text: str | list[str]) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) and text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _put(into: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        into = into.setdefault(name, {})
    into[path[-1]] = value
