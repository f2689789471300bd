"""Events as people read them: an incident's history, a handover's bytes as received, and who sent something."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from granslos.contract.envelope import Envelope, decode_envelope, encode, event_hash
from granslos.contract.errors import ContractError
from granslos.contract.events import BookingReceived, HandoverReceived
from granslos.contract.views import HistoryItem
from granslos.readmodel.pages import Filter, Page, Place, decode_cursor, encode_cursor
from granslos.readmodel.pool import Connection
from granslos.runtime import limits

_LOGGED = "select log_seq, late, twin, hash, body from event_log where topics && %s and log_seq > %s order by log_seq limit %s"
_OF_TYPE = "select body from event_log where topics && %s and type = any(%s) order by log_seq limit %s"
_PENDING = (
    "select j.hash, j.body from journal j where (j.generation, j.jseq) > (select coalesce(max(l.generation), 0), "
    "coalesce(max(l.jseq), 0) from (select generation, jseq from event_log where site = (select site from site_state) "
    "and jseq > 0 order by generation desc, jseq desc limit 1) l) "
    "and exists (select from unnest(%b::bytea[]) n where position(n in j.body) > 0) "
    "order by j.generation, j.jseq limit %s"
)
_RECEIVED = (HandoverReceived.__name__, BookingReceived.__name__)
_VERDICTS = {1: "double", 2: "clash"}


class RawFragment(msgspec.Struct, frozen=True):
    """One handover message as it came; ``count`` is how many there are of it."""

    data: bytes
    media_type: str | None
    count: int


class _Source(msgspec.Struct, frozen=True):
    handover_id: str


class _Parts(msgspec.Struct, frozen=True):
    """Of an incident's view, what else its history is made of."""

    merged_from: tuple[str, ...] = ()
    sources: tuple[_Source, ...] = ()


class _Fragment(msgspec.Struct, frozen=True):
    """Of a ``HandoverReceived``, what was received."""

    raw: bytes | None = None
    raw_media_type: str | None = None


async def _fetch(connection: Connection, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(query, parameters, binary=True)
    return await cursor.fetchall()


async def incident_history(connection: Connection, incident_id: str, asked: Filter) -> Page | None:
    """Return the events that made an incident what it is, in LOG order, own pending ones last; None: no such one."""
    found = await _fetch(connection, "select view from incident where id = %s", [incident_id])
    if not found:
        return None
    parts = msgspec.json.decode(found[0][0], type=_Parts)
    incidents = {incident_id, *parts.merged_from}
    keys = [f"incident:{i}" for i in sorted(incidents)] + [f"handover:{s.handover_id}" for s in parts.sources]
    fingerprint, count = asked.fingerprint(f"history {incident_id}"), asked.count(limits.HISTORY_ITEMS_MAX)
    after = 0 if asked.cursor is None else decode_cursor(asked.cursor, fingerprint).key or 0
    rows = await _fetch(connection, _LOGGED, [keys, after, count + 1])
    if len(rows) > count:
        more = encode_cursor(Place(fingerprint, rows[count - 1][0], ""))
        return Page([_item(*row) for row in rows[:count]], more)
    items = [_item(*row) for row in rows]
    pending = await _pending(connection, _concerns(frozenset(keys), incidents), [k.split(":", 1)[1] for k in keys])
    return Page(items + [_item(None, False, 0, digest, body) for digest, body in pending], None)


async def handover_raw(connection: Connection, handover_id: str, fragment: int | None) -> RawFragment | None:
    """Return one message of a handover: number ``fragment`` from 0, or the newest; None where there is none."""
    fragments = [
        msgspec.json.decode(envelope.payload, type=_Fragment)
        for envelope in await _received(connection, "handover", handover_id)
    ]
    kept = [f for f in fragments if f.raw is not None]
    number = len(kept) - 1 if fragment is None else fragment
    if not 0 <= number < len(kept):
        return None
    raw = kept[number].raw
    assert raw is not None
    return RawFragment(raw, kept[number].raw_media_type, len(kept))


async def was_sent_by(connection: Connection, kind: str, aggregate_id: str, subject: str) -> bool:
    """Tell whether ``subject`` sent a handover or a booking, or a part of it."""
    return any(e.actor.subject == subject for e in await _received(connection, kind, aggregate_id))


async def _received(connection: Connection, kind: str, aggregate_id: str) -> list[Envelope]:
    key = f"{kind}:{aggregate_id}"
    rows = await _fetch(connection, _OF_TYPE, [[key], list(_RECEIVED), limits.HISTORY_ITEMS_MAX])
    bodies = [row[0] for row in rows]
    pending = await _pending(connection, _concerns(frozenset({key}), frozenset()), [aggregate_id])
    bodies += [body for _, body in pending]
    return [e for e in map(decode_envelope, bodies) if e.type in _RECEIVED]


async def _pending(
    connection: Connection, concerns: Callable[[Envelope], bool], needles: Sequence[str]
) -> list[tuple[str, bytes]]:
    """Return hash and body of this site's events that the LOG does not have yet and that concern these aggregates."""
    texts = [needle.encode() for needle in needles]
    rows = await _fetch(connection, _PENDING, [texts, limits.HISTORY_PENDING_EVENTS_MAX])
    return [(digest, body) for digest, body in rows if concerns(decode_envelope(body))]


def _concerns(keys: Collection[str], incidents: Collection[str]) -> Callable[[Envelope], bool]:
    return lambda e: f"{e.aggregate}:{e.id}" in keys or any(ref in incidents for ref in e.refs)


def _item(log_seq: int | None, late: bool, twin: int, digest: str, body: bytes) -> msgspec.Raw:
    try:
        e = decode_envelope(body)
    except ContractError:
        # A newer release's envelope: shown as what it is, so that nothing is missing in the list.
        return msgspec.Raw(encode({"event_id": f"unreadable-{log_seq}", "type": "?", "position": log_seq, "hash": digest}))
    assert digest == event_hash(body), "a stored event is not what it was"
    return msgspec.Raw(
        encode(
            HistoryItem(
                event_id=e.event_id,
                type=e.type,
                at=e.at,
                site=e.site,
                position=log_seq,
                durability="site" if log_seq is None else "cluster",
                actor=e.actor.subject,
                role=e.actor.role,
                centre=e.centre,
                desk=e.desk,
                epoch=e.epoch,
                provisional=e.provisional,
                verdict="late" if late else _VERDICTS.get(twin, "normal"),
                jseq=e.jseq,
                generation=e.generation,
                hash=digest,
                payload=_without_raw(e),
            )
        )
    )


def _without_raw(envelope: Envelope) -> Any:
    """Return a payload for reading; a handover's bytes have an address of their own."""
    if envelope.type != HandoverReceived.__name__:
        return envelope.payload
    payload: dict[str, Any] = msgspec.json.decode(envelope.payload)
    payload.pop("raw", None)
    return payload
