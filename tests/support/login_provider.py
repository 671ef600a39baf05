"""An OIDC provider with its own login pages in a process of its own: npm's `oidc-provider`, which `make setup` installs below
`tests/node`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx

from tests.support.issuer import ANSWER_S, NODE

PROGRAM = Path(__file__).parents[1] / "node" / "provider.mjs"
CLIENT = "console"
CLIENT_SECRET = "a secret: with % and +"


@asynccontextmanager
async def login_provider(service_url: str) -> AsyncIterator[str]:
    """The issuer's URL. It knows the console at `service_url` as its client."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # warns about keys and forms that are for tests only
    )
    assert process.stdin is not None
    assert process.stdout is not None
    about = {"redirect_uri": f"{service_url}/login/callback", "home": f"{service_url}/"}
    try:
        process.stdin.write(json.dumps(about).encode() + b"\n")
        await process.stdin.drain()
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), ANSWER_S))
    finally:
        process.stdin.close()  # which ends it
        await asyncio.wait_for(process.wait(), ANSWER_S)


async def log_in(browser: httpx.AsyncClient, authorization_url: str, login: str, *, back_to: str) -> str:
    """Fill in the provider's forms; the URL, which begins with `back_to`, at which it sends the browser back."""
    answer = await browser.get(authorization_url)
    while True:
        while answer.is_redirect:
            url = urljoin(str(answer.url), answer.headers["Location"])
            if url.startswith(back_to):
                return url
            answer = await browser.get(url)
        form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
        assert form, answer.text
        assert prompt, answer.text
        fields = {"prompt": prompt[1], "login": login, "password": "any"}
        answer = await browser.post(urljoin(str(answer.url), unescape(form[1])), data=fields)
