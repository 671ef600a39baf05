"""Gives every error below `/oscp` an empty body and an `X-Error-Message` that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope

from access_policy.entrypoints.http.oscp.urls import OSCP
from access_policy.entrypoints.http.problems import PROBLEM_TYPE
from access_policy.entrypoints.http.translated_problems import TranslatedProblems

MESSAGE_MAX: Final = 500
_BY_CODE: Final[Mapping[str, int]] = {"oscp-version-unsupported": 501}
_BY_STATUS: Final[Mapping[int, int]] = {422: 400}


class OscpErrors(TranslatedProblems):
    prefix = OSCP

    def translated(self, scope: Scope, start: Message, document: Mapping[str, Any]) -> bytes:
        status = document["status"]
        code = document["type"].removeprefix(PROBLEM_TYPE)
        start["status"] = _BY_CODE.get(code) or _BY_STATUS.get(status, status)
        headers = MutableHeaders(raw=start["headers"])
        headers["X-Error-Message"] = _message(document)
        del headers["content-type"]
        start["headers"] = headers.raw
        return b""


def _message(document: Mapping[str, Any]) -> str:
    """Return the message in printable ASCII characters, as headers require."""
    detail = str(document["detail"])
    all_errors = document.get("errors", [])
    errors = [f"{each['pointer']}: {each['message']}" for each in all_errors if each["message"] not in detail]
    text = " ".join([detail, *errors])[:MESSAGE_MAX]
    return "".join(each if " " <= each <= "~" else "?" for each in text).strip()
