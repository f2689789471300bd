"""A client of the public API that behaves like a real sender or console: a list of sites, the next one at once on failure.

The same command id goes to the next site, so that a command whose answer got lost has one effect.
"""

from collections.abc import Sequence
from typing import Any

import httpx

from granslos.runtime.ids import new_command_id

TIMEOUT_SECONDS = 1.0
"""A 112 sender's patience with one endpoint."""
ATTEMPTS_MAX = 12
"""Endpoints tried for one command, each perhaps several times."""
RETRY_STATUSES = frozenset({502, 503, 504})


class NoSiteAnsweredError(Exception):
    """Every endpoint was tried, and none took it."""


class SiteClient:
    """Talks to the first of ``urls`` that answers, and stays there.

    Args:
        urls: nodes' (or adapters') base URLs, own one first.
        token: bearer token, valid at every site.
    """

    def __init__(self, urls: Sequence[str], token: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._urls = list(urls)
        self._at = 0
        self._http = httpx.AsyncClient(timeout=timeout_seconds, headers={"Authorization": f"Bearer {token}"})
        self.moved = 0

    async def __aenter__(self) -> "SiteClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    @property
    def url(self) -> str:
        """Return the endpoint in use."""
        return self._urls[self._at]

    async def get(self, path: str, **parameters: Any) -> Any:
        """Return what a GET answers, from any site.

        Raises:
            NoSiteAnsweredError: none answered with success.
        """
        response = await self._first("GET", path, params=parameters)
        response.raise_for_status()
        return response.json()

    async def post(self, path: str, body: Any, command_id: str | None = None) -> httpx.Response:
        """Send a command until a site answers it finally (2xx or 4xx); raises NoSiteAnsweredError."""
        headers = {"Idempotency-Key": command_id or new_command_id()}
        return await self._first("POST", path, json=body, headers=headers)

    async def delete(self, path: str, command_id: str | None = None) -> httpx.Response:
        """Send a DELETE likewise."""
        return await self._first("DELETE", path, headers={"Idempotency-Key": command_id or new_command_id()})

    async def _first(self, method: str, path: str, **more: Any) -> httpx.Response:
        why = ""
        for _ in range(ATTEMPTS_MAX):
            try:
                response = await self._http.request(method, self.url + path, **more)
            except httpx.HTTPError as error:
                why = type(error).__name__
            else:
                if response.status_code not in RETRY_STATUSES:
                    return response
                why = str(response.status_code)
            self._at = (self._at + 1) % len(self._urls)
            self.moved += 1
        raise NoSiteAnsweredError(f"{method} {path}: {why}")
