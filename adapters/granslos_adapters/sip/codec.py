"""A SIP message as an emergency call's data: ids, numbers, locations, additional data (RFC 3261, 6442, 7852).

Nothing is refused: an identifier is read from its URN whatever its purpose is called, any PIDF-LO part counts whether
or not a Geolocation names it, and a broken body gives what can be read of it.
"""

import msgspec

from granslos_adapters.emergency.additional_data import Block, read_additional_data
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.msd import Msd, read_msd
from granslos_adapters.emergency.numbers import Number, read_number
from granslos_adapters.emergency.pidflo import PidfLo, read_pidflo
from granslos_adapters.sip.bodies import Part, presence_in, read_body
from granslos_adapters.sip.headers import (
    Head,
    Ids,
    Reference,
    bracketed,
    read_head,
    read_ids,
    read_references,
    referred_headers,
    split,
    split_list,
)

PIDF = "application/pidf+xml"
MSD = "application/emergencycalldata.ecall.msd"
SDP = "application/sdp"
EIDO = "application/emergency.eido+json"
CAP = ("application/common-alerting-protocol+xml", "application/emergencycalldata.cap+xml")
ADDITIONAL_PREFIX = "application/emergencycalldata."
EIDO_PURPOSES = ("emergency-eido", "emergency-source")
MESSAGE_BYTES_MAX = 4 << 20


class SipMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says of an emergency call; header values are verbatim.

    ``test`` marks calls to ``urn:service:test…``, which must not become live cases. ``kept`` are media types of parts
    that are not read here; the message itself is kept whole.
    """

    head: Head
    call_id: str | None = None
    ids: Ids = Ids()
    number: str | None = None
    asserted: tuple[Number, ...] = ()
    caller: Number | None = None
    contact: str | None = None
    is_focus: bool = False
    service: str | None = None
    test: bool = False
    references: tuple[Reference, ...] = ()
    eido_urls: tuple[str, ...] = ()
    geolocations: tuple[str, ...] = ()
    geolocation_routing: str | None = None
    resource_priority: str | None = None
    refer_to: str | None = None
    content_type: str | None = None
    body_bytes: int = 0
    parts: tuple[Part, ...] = ()
    locations: tuple[PidfLo, ...] = ()
    blocks: tuple[Block, ...] = ()
    msd: Msd | None = None
    eidos: tuple[bytes, ...] = ()
    alerts: tuple[bytes, ...] = ()
    has_sdp: bool = False
    kept: tuple[str, ...] = ()


def read_sip(data: bytes, defects: Defects) -> SipMessage | None:
    """Read a request or response; None with a defect when it is not SIP."""
    if len(data) > MESSAGE_BYTES_MAX:
        defects.add("too_long", f"{len(data)} bytes")
        data = data[:MESSAGE_BYTES_MAX]
    head_bytes, body = split(data)
    head = read_head(head_bytes, defects)
    if head is None:
        defects.add("not_sip", "neither a start line nor the headers of SIP")
        return None
    _check_length(head, len(body) if b"\r\n" in head_bytes else len(body) + body.count(b"\n"), defects)
    referred = referred_headers(head.first("refer-to") or "")
    call_info = (*head.all("call-info"), *referred.get("call-info", ()))
    references = read_references(call_info)
    asserted = _numbers(head.all("p-asserted-identity"))
    caller = next(iter(_numbers(head.all("from")[:1])), None)
    contact = head.first("contact")
    service = _service(head)
    content_type = head.first("content-type")
    contents = _Contents(body, content_type, defects)
    call_id = head.first("call-id")
    if call_id is None:
        defects.add("no_call_id", "Call-ID is missing")
    return SipMessage(
        head=head,
        call_id=call_id,
        ids=read_ids(call_info, defects),
        number=_best([*asserted, caller]),
        asserted=tuple(asserted),
        caller=caller,
        contact=bracketed(contact)[0] if contact else None,
        is_focus=contact is not None and "isfocus" in contact.lower(),
        service=service,
        test=service is not None and ":test." in service,
        references=tuple(references),
        eido_urls=tuple(one.uri for one in references if (one.purpose or "").lower() in EIDO_PURPOSES),
        geolocations=tuple(entry for value in head.all("geolocation") for entry in split_list(value)),
        geolocation_routing=head.first("geolocation-routing"),
        resource_priority=head.first("resource-priority"),
        refer_to=head.first("refer-to"),
        content_type=content_type,
        body_bytes=len(body),
        parts=tuple(contents.parts),
        locations=tuple(contents.locations),
        blocks=tuple(contents.blocks),
        msd=contents.msd,
        eidos=tuple(contents.eidos),
        alerts=tuple(contents.alerts),
        has_sdp=contents.has_sdp,
        kept=tuple(contents.kept),
    )


class _Contents:
    """Sorts the parts of a body by their media type, compared without case."""

    def __init__(self, body: bytes, content_type: str | None, defects: Defects) -> None:
        self._defects = defects
        self.parts = read_body(body, content_type, defects)
        self.locations: list[PidfLo] = []
        self.blocks: list[Block] = []
        self.msd: Msd | None = None
        self.eidos: list[bytes] = []
        self.alerts: list[bytes] = []
        self.has_sdp = False
        self.kept: list[str] = []
        single = [Part(content_type=(content_type or "").partition(";")[0].strip(), data=body)] if body else []
        for index, part in enumerate(self.parts or single):
            self._take(part, defects.at(f"part.{index}"))
        if not any(found.locations for found in self.locations) and b"presence" in body:
            self._scavenge(body)

    def _take(self, part: Part, defects: Defects) -> None:
        kind = part.content_type.lower()
        if kind == PIDF:
            self.locations.append(read_pidflo(part.data, defects))
        elif kind == MSD:
            self.msd = self.msd or read_msd(part.data, defects)
        elif kind == SDP:
            self.has_sdp = True
        elif kind == EIDO:
            self.eidos.append(part.data)
        elif kind in CAP:
            self.alerts.append(part.data)
        elif kind.startswith(ADDITIONAL_PREFIX):
            self.blocks += read_additional_data(part.data, defects)
        elif kind and not kind.startswith("multipart/"):
            self.kept.append(part.content_type)

    def _scavenge(self, body: bytes) -> None:
        for document in presence_in(body):
            doubts = Defects("scavenged")
            found = read_pidflo(document, doubts)
            if found.locations:
                self._defects.extend(doubts.all())
                self._defects.add("location_outside_parts", "a PIDF-LO was found that no part holds")
                self.locations.append(found)


def _check_length(head: Head, size: int, defects: Defects) -> None:
    """Compare with Content-Length; a file with bare line feeds counts as it was on the wire."""
    stated = head.first("content-length")
    if stated is None:
        return
    if not stated.isdecimal():
        defects.add("bad_content_length", stated[:20])
    elif int(stated[:9]) > size:
        defects.add("body_cut_off", f"{size} of {stated[:9]} bytes")
    elif int(stated[:9]) < size:
        defects.add("body_longer_than_stated", f"{size} instead of {stated[:9]} bytes")


def _numbers(values: tuple[str, ...]) -> list[Number]:
    return [read_number(bracketed(entry)[0]) for value in values for entry in split_list(value)]


def _best(numbers: list[Number | None]) -> str | None:
    """Return the network's number before the caller's own word, one in E.164 before any other."""
    known = [number for number in numbers if number is not None]
    for kinds in (("e164",), ("local", "uri")):
        for number in known:
            if number.kind in kinds:
                return number.best
    return None


def _service(head: Head) -> str | None:
    """Return the service URN of the Request-URI, else of To (RFC 5031)."""
    for value in (head.request_uri, head.first("to")):
        uri = bracketed(value)[0] if value else ""
        if uri.lower().startswith("urn:service:") or uri.lower().startswith("urn:emergency:service:"):
            return uri
    return None
