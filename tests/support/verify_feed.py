"""The feed's promise, checked: an old snapshot and the frames after it make the new snapshot.

async with verified_feed(url, headers) as feed:
    ...  # change the state
# leaving the block asserts it
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from support.eventually import eventually

LIVE = ("assignable", "grey", "last_position")
"""Of units, what changes without an event."""
KINDS = ("incident", "unit", "operator", "conflict")
AGAIN = "~again"
Resources = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Frame:
    """One server-sent event. ``id`` is absent until the event is in the LOG."""

    event: str
    data: dict[str, Any]
    id: int | None = None


def parse(block: str) -> Frame | None:
    """Reads one block of `text/event-stream`; None for a comment."""
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        name, separator, value = line.partition(":")
        if name and separator:
            fields[name] = value.removeprefix(" ")
    if "event" not in fields:
        return None
    return Frame(fields["event"], msgspec.json.decode(fields["data"]), int(fields["id"]) if "id" in fields else None)


async def read_frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[Frame]:
    """Yields the frames of a stream, however it is cut."""
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            frame = parse(block.decode())
            if frame is not None:
                yield frame


def shown(kind: str, resource: Mapping[str, Any]) -> bool:
    """Tells whether a snapshot shows it."""
    if kind == "incident":
        return resource["state"] not in ("closed", "merged")
    return kind != "conflict" or resource["state"] == "open"


def _settled(kind: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if kind != "unit" or name not in LIVE}


@dataclass
class Mirror:
    """A console's picture: a fold of frames."""

    position: int = -1
    resources: dict[str, Resources] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    seen: dict[str, int | None] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    doubles: int = 0

    def apply(self, frame: Frame) -> None:
        """Takes a frame; asserts what every frame promises."""
        self.frames.append(frame)
        data = frame.data
        match frame.event:
            case "snapshot":
                assert frame.id == data["position"]
                self.position = data["position"]
                self.resources = snapshot_resources(data)
                self.seen = {}
            case "change":
                self._change(frame)
            case "confirmed":
                assert frame.id in (None, data["position"])
                self._advance(frame.id)
                self.seen[data["event_id"]] = data["position"]
                for tick in data["ticks"]:
                    known = self.resources.get(tick["kind"], {}).get(tick["id"])
                    if known is not None:
                        known.update({name: tick[name] for name in ("durability", "position", "version") if name in known})
            case _:
                pass  # a live announcement: nothing that a snapshot holds

    def _change(self, frame: Frame) -> None:
        data = frame.data
        event_id = data["event_id"]
        is_again = event_id.endswith(AGAIN)
        assert frame.id == (None if is_again else data["position"]), "an id only once, and once in the LOG"
        self._advance(frame.id)
        if not is_again:
            # A double is no news, but its resources are what this site shows now.
            self.doubles += event_id in self.seen
            self.seen[event_id] = data["position"] or self.seen.get(event_id)
        for changed in data["changes"]:
            place = self.resources.setdefault(changed["kind"], {})
            resource = changed["resource"]
            if shown(changed["kind"], resource):
                place[changed["id"]] = _settled(changed["kind"], resource)
            else:
                place.pop(changed["id"], None)

    def _advance(self, position: int | None) -> None:
        if position is not None:
            assert position > self.position, f"an id went from {self.position} to {position}"
            self.position = position

    def difference(self, other: Mapping[str, Resources]) -> list[str]:
        """Names what differs from another picture."""
        found = []
        for kind in KINDS:
            mine, theirs = self.resources[kind], other[kind]
            found += [f"{kind} {key} only here" for key in mine.keys() - theirs.keys()]
            found += [f"{kind} {key} missing here" for key in theirs.keys() - mine.keys()]
            for key in mine.keys() & theirs.keys():
                names = [n for n in mine[key].keys() | theirs[key].keys() if mine[key].get(n) != theirs[key].get(n)]
                found += [f"{kind} {key}.{n}: {mine[key].get(n)!r} is {theirs[key].get(n)!r}" for n in sorted(names)]
        return found


def snapshot_resources(data: Mapping[str, Any]) -> dict[str, Resources]:
    """The resources of a snapshot, by kind and id."""
    return {kind: {item["id"]: _settled(kind, item) for item in data[f"{kind}s"]} for kind in KINDS}


async def open_feed(
    client: httpx.AsyncClient, headers: Mapping[str, str], after: int | None = None, query: str = ""
) -> httpx.Response:
    """Opens a feed; the caller closes the answer."""
    address = f"/v1/feed?{query}" if query else "/v1/feed"
    sent = dict(headers) | ({"Last-Event-ID": str(after)} if after is not None else {})
    request = client.build_request("GET", address, headers=sent, timeout=httpx.Timeout(5, read=None))
    response = await client.send(request, stream=True)
    if response.status_code != 200:
        await response.aread()
    return response


async def take_snapshot(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """The snapshot of a new reader."""
    async with httpx.AsyncClient(base_url=url) as client:
        response = await open_feed(client, headers)
        try:
            async for frame in read_frames(response.aiter_bytes()):
                assert frame.event == "snapshot"
                return frame.data
        finally:
            await response.aclose()
    raise AssertionError("the feed ended without a snapshot")


@contextlib.asynccontextmanager
async def mirrored(
    url: str, headers: Mapping[str, str], *, after: int | None = None, query: str = "", mirror: Mirror | None = None
) -> AsyncIterator[Mirror]:
    """A reader that folds frames in the background; goes on with a mirror of before when it resumes."""
    made = mirror or Mirror()

    async with httpx.AsyncClient(base_url=url) as client:
        response = await open_feed(client, headers, after, query)
        assert response.status_code == 200, response.text

        async def follow() -> None:
            async for frame in read_frames(response.aiter_bytes()):
                made.apply(frame)

        task = asyncio.create_task(follow())
        try:
            if after is None:
                await eventually(lambda: made.position >= 0 or task.done(), within_seconds=10)
            yield made
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})
            await response.aclose()


@contextlib.asynccontextmanager
async def verified_feed(url: str, headers: Mapping[str, str], *, within_seconds: float = 10) -> AsyncIterator[Mirror]:
    """Follows a node's feed through the block; at its end the picture must equal a new snapshot within the bound."""
    async with mirrored(url, headers) as mirror:
        yield mirror

        async def equal() -> bool:
            difference = mirror.difference(snapshot_resources(await take_snapshot(url, headers)))
            assert not difference, "\n".join(difference[:20])
            return True

        await eventually(equal, within_seconds=within_seconds)
