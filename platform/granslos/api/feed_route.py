"""The feed's address."""

from typing import Annotated

import msgspec
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from msgspec import Meta

from granslos.api import query
from granslos.api.feed import FeedHub, TooManyReadersError
from granslos.api.feed_reader import Reading
from granslos.api.operations import Call, Operation
from granslos.api.problems import COMMON_HEADERS, ProblemError, invalid

MEDIA_TYPE = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
HEADERS = COMMON_HEADERS | {"X-Accel-Buffering": "no"}
Position = Annotated[int, Meta(ge=0, lt=1 << 62)]
AFTER = {"after": (Position, "Resume after this LOG position, as `Last-Event-ID` does.")}


def _after(call: Call) -> int | None:
    """Return the position to resume after; the header counts before the address, which a browser keeps as it was."""
    header = call.request.headers.get(LAST_EVENT_ID)
    if header is None or not header.strip():
        found: int | None = call.parameters.get("after")
        return found
    try:
        return msgspec.convert(header.strip(), Position, strict=False)
    except msgspec.ValidationError:
        raise invalid(LAST_EVENT_ID, "Not an id of this feed") from None


def operations(hub: FeedHub) -> list[Operation]:
    """Return the route."""

    async def read_feed(call: Call) -> ASGIResponse:
        reading = Reading(
            after=_after(call),
            redacted=call.grant == "redacted",
            area=call.parameters.get("area"),
            centre=call.parameters.get("centre"),
        )
        try:
            chunks = await hub.read(reading)
        except TooManyReadersError:
            raise ProblemError(503, "busy", "This node has as many readers as it takes") from None
        return ASGIStreamingResponse(iterator=chunks, media_type=MEDIA_TYPE, headers=HEADERS)

    return [
        Operation(
            name="read_feed",
            method="GET",
            path="/v1/feed",
            verb="feed.read",
            summary="Server-sent events: a snapshot at N, everything after it with `id:`, a heartbeat each second.",
            handle=read_feed,
            query={**AFTER, **query.AREA, **query.CENTRE},
            answers={200: str},
            media_type="text/event-stream",
        )
    ]
