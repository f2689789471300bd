"""What a command's sender gets back, over HTTP and NATS alike."""

from typing import Any, Literal

import msgspec

Durability = Literal["site", "cluster"]
"""``site``: fsynced at this site (✓). ``cluster``: fsynced at a majority of sites (✓✓)."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a command had no effect; ``code`` is stable, ``field`` names the wrong field (RFC 9457 carries the same)."""

    code: str
    title: str
    detail: str = ""
    field: str | None = None
    authority: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a command.

    ``status`` follows HTTP: 200 done, 201 created, 403, 404, 409 rejected by a rule, 422 invalid, 503 could not be made
    durable here (nothing was stored) and 504 unknown outcome (ask again with the same command id).
    ``position`` is the LOG sequence once durable in the cluster.
    """

    status: int
    durability: Durability | None = None
    position: int | None = None
    resource: Any = None
    problem: Problem | None = None
    island: bool = False
    site: str | None = None
    event_ids: tuple[str, ...] = ()


def rejected(status: int, code: str, title: str, detail: str = "", field: str | None = None) -> Answer:
    """Build an answer that says no."""
    return Answer(status=status, problem=Problem(code=code, title=title, detail=detail, field=field))
