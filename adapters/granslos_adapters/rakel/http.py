"""The adapter's own HTTP: the radio's state for technicians, notices for dispatchers, a text to a unit by hand."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from granslos_adapters.kit.auth import Verifier
from granslos_adapters.kit.http import BodyReader, problem, require_roles
from granslos_adapters.rakel.codec.sds_encode import NoRoomError
from granslos_adapters.rakel.errors import OutboxFullError
from granslos_adapters.rakel.heard import Directory
from granslos_adapters.rakel.link import Link
from granslos_adapters.rakel.outbox import Priority
from granslos_adapters.rakel.sender import TextOrder
from granslos_adapters.rakel.service import Service

BODY_BYTES_MAX = 16_384
BODY_SECONDS_MAX = 5.0
ACCEPTED = 202


class TextBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text to a unit. ``key``: the same key again is the same text."""

    key: Annotated[str, Meta(min_length=1, max_length=128)]
    text: Annotated[str, Meta(min_length=1, max_length=1_000)]


class Radio(msgspec.Struct, frozen=True):
    """What the handlers speak of."""

    link: Link
    service: Service
    directory: Directory


def radio_report(radio: Radio) -> dict[str, Any]:
    """Return the radio's state; no numbers of radios or people."""
    link, service = radio.link, radio.service
    session = link.session
    registration = session.registration if session is not None else None
    return {
        "state": link.state.value,
        "reason": link.reason,
        "reopened": link.reopened,
        "quiet_seconds": link.quiet_seconds,
        "registration": registration.stat if registration is not None else None,
        "resyncs": session.resyncs if session is not None else 0,
        "late_answers": session.late_answers if session is not None else 0,
        "alarms": list(session.alarms) if session is not None else [],
        "outbox": len(service.sender.outbox),
        "outbox_waiting": service.sender.outbox.waiting,
        "unplaced_emergencies": len(service.unplaced),
        "undelivered": service.undelivered,
        "known_radios": len(radio.directory),
    }


def handlers(radio: Radio, verifier: Verifier | None) -> list[HTTPRouteHandler]:
    """Build the handlers under ``/radio``."""
    bodies = BodyReader(bytes_max=BODY_BYTES_MAX, keep_bytes_max=BODY_BYTES_MAX, seconds_max=BODY_SECONDS_MAX)
    watch = require_roles(verifier, "technician", "dispatcher", "supervisor", "operator", "adapter", "observer")
    work = require_roles(verifier, "dispatcher", "supervisor", "operator", "adapter")

    @get("/radio", guards=[watch])
    async def state() -> dict[str, Any]:
        return radio_report(radio)

    @get("/radio/notices", guards=[work])
    async def notices() -> Response[bytes]:
        items = [msgspec.to_builtins(notice) for notice in reversed(radio.service.notices)]
        body = {"items": items, "unplaced": list(radio.service.unplaced), "next": None}
        return Response(msgspec.json.encode(body), media_type="application/json")

    @post("/radio/notices/{notice_id:str}/settle", guards=[work], status_code=200)
    async def settle(notice_id: str) -> Response[bytes]:
        if not radio.service.settle(notice_id):
            return problem(404, "not_found", "no such emergency waits")
        return Response(b'{"settled":true}', media_type="application/json")

    @post("/radio/units/{unit_id:str}/text", guards=[work], status_code=ACCEPTED)
    async def send_text(unit_id: str, request: Request[Any, Any, Any]) -> Response[bytes]:
        body = await bodies.read(request)
        if not body.complete or body.too_big:
            return problem(413, "too_big", "the body is too long or was cut")
        try:
            wanted = msgspec.json.decode(body.data, type=TextBody)
        except msgspec.DecodeError as error:
            return problem(422, "invalid", "not a text", str(error))
        return await _send(radio, unit_id, wanted)

    return [state, notices, settle, send_text]


async def _send(radio: Radio, unit_id: str, wanted: TextBody) -> Response[bytes]:
    address = radio.directory.of_unit(unit_id)
    if address is None:
        return problem(404, "not_found", "the unit has no radio here")
    order = TextOrder(key=wanted.key, to=str(address.ssi), text=wanted.text, priority=Priority.ASSIGNMENT, unit_id=unit_id)
    try:
        await radio.service.sender.send_text(order)
    except OutboxFullError:
        return problem(503, "queue_full", "too many messages wait for the radio")
    except NoRoomError:
        return problem(422, "too_long", "the text does not fit")
    return Response(
        msgspec.json.encode({"queued": True, "key": wanted.key}), status_code=ACCEPTED, media_type="application/json"
    )
