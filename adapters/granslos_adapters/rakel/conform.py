"""What each message of a file means, what was kept raw, what is wrong: for ``granslos conform pei|sds|lip|status``.

Never raises for any bytes: what cannot be read is a defect. ``understood`` empty means unreadable.

Forms of input:
    pei     a recording of a terminal, bytes as they came; also JSON with a list ``chunks`` of strings
    sds     lines of hex, each one SDS type 4 message; or header and data lines as in a recording
    lip     lines of hex beginning with the protocol id ``0A``
    status  lines of a status value: four hex digits, ``0x…``, or a decimal number of another length
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec

from granslos_adapters.rakel import framing
from granslos_adapters.rakel.codec.bits import Bits, DecodeError
from granslos_adapters.rakel.codec.concatenation import Assembler, is_part
from granslos_adapters.rakel.codec.header import SdsHeader
from granslos_adapters.rakel.codec.lip import ReservedPdu, ShortReport, decode_lip
from granslos_adapters.rakel.codec.lip_control import LocationControl
from granslos_adapters.rakel.codec.lip_long import LongReport
from granslos_adapters.rakel.codec.pei import PeiLine, UnknownLine, parse_line
from granslos_adapters.rakel.codec.sds import (
    SERVICE_STATUS,
    SERVICE_TYPE_4,
    ConcatenatedPart,
    Transfer,
    UserData,
    decode_sds,
)
from granslos_adapters.rakel.codec.status import SHORT_REPORT_FIRST, Status, decode_status
from granslos_adapters.rakel.profile import Profiles, load_profiles

KINDS = ("pei", "sds", "lip", "status")
BYTES_MAX = 64 << 20
"""Longest file that is read as a whole."""
_PARTS_MAX = 1_000
Object = dict[str, Any]
_LOCATIONS = ShortReport | LongReport | LocationControl | ReservedPdu


def conform(kind: str, data: bytes) -> list[Object]:
    """Return one object a message: ``understood``, ``kept``, ``defects``; at least one for any input.

    Raises:
        ValueError: ``kind`` is none of ``KINDS``.
    """
    readers: dict[str, Callable[[bytes], Iterator[Object]]] = {
        "pei": _pei,
        "sds": _sds,
        "lip": _lip,
        "status": _status,
    }
    if kind not in readers:
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
    if len(data) > BYTES_MAX:
        return [_object({}, defects=[_defect("too_big", "file", f"more than {BYTES_MAX} bytes")])]
    found = list(readers[kind](data))
    return found or [_object({}, defects=[_defect("empty", "file", "no message")])]


def exit_code(objects: list[Object]) -> int:
    """Return 0 understood, 1 with defects, 2 unreadable."""
    if any(not one["understood"] for one in objects):
        return 2
    return 1 if any(one["defects"] for one in objects) else 0


# --- pei ----------------------------------------------------------------------------------------------------------


def _pei(data: bytes) -> Iterator[Object]:
    stream = _chunks(data)
    framer = framing.Framer()
    joiner = Assembler(pending_max=_PARTS_MAX, age_seconds=float("inf"))
    for event in [*framer.feed(stream), *framer.close()]:
        yield _event(event, stream, joiner)


def _chunks(data: bytes) -> bytes:
    if not data.lstrip().startswith(b"{"):
        return data
    try:
        chunks = msgspec.json.decode(data)["chunks"]
        return "".join(chunks).encode("latin-1", "replace")
    except (msgspec.DecodeError, KeyError, TypeError):
        return data


def _event(event: framing.Event, stream: bytes, joiner: Assembler) -> Object:
    where = f"line {1 + stream.count(10, 0, event.at)}"
    match event:
        case framing.ShortData():
            return _short_data(event, where, joiner)
        case framing.TextLine(text=text):
            defects = [_defect("data_without_header", where, "hex without a header")] if event.is_hex else []
            return _line("response", text, where, defects)
        case framing.PlusLine(text=text):
            return _line("unsolicited", text, where, [])
        case framing.Malformed() | framing.Truncated() | framing.Overlong():
            return _damaged(event, where)
        case framing.FinalLine(text=text, final=final):
            return _object({"type": "final", "text": text, "final": final.final, "code": final.code})
        case framing.Echo(text=text):
            return _object({"type": "echo", "text": text})
        case framing.Indication(lines=lines):
            return _object({"type": "indication", "lines": list(lines)})


def _damaged(event: framing.Malformed | framing.Truncated | framing.Overlong, where: str) -> Object:
    match event:
        case framing.Malformed():
            understood = {"type": "malformed_pdu", **_header(event.header), "received_hex": event.received}
            text = f"{len(event.received)} digits where {event.header.digits_min} are announced"
            return _object(understood, kept=[event.received], defects=[_defect("malformed_pdu", where, text)])
        case framing.Truncated(text=text):
            defect = _defect("truncated_line", where, "a line that was cut")
            return _object({"type": "truncated_line", "text": text}, kept=[text], defects=[defect])
        case framing.Overlong():
            text = f"more than {framing.LINE_BYTES_MAX} bytes"
            return _object({"type": "overlong_line"}, defects=[_defect("overlong_line", where, text)])


def _line(kind: str, text: str, where: str, defects: list[Object]) -> Object:
    try:
        line = parse_line(text)
    except DecodeError as error:
        return _object({"type": kind, "text": text}, kept=[text], defects=[_defect(error.code, where, error.text)])
    fields: Object = {"type": kind, "text": text, **_line_fields(line)}
    return _object(fields, kept=[text] if isinstance(line, UnknownLine) else [], defects=defects)


def _line_fields(line: PeiLine) -> Object:
    return {} if isinstance(line, UnknownLine) else _plain(line)


def _header(header: SdsHeader) -> Object:
    return {
        "src": header.calling,
        "dst": header.called,
        "calling": header.calling,
        "called": header.called,
        "ai_service": header.ai_service,
        "declared_bits": header.length_bits,
        "e2ee": header.e2ee,
    }


def _short_data(event: framing.ShortData, where: str, joiner: Assembler) -> Object:
    header = {**_header(event.header), "pdu_hex": event.hex}
    try:
        message = decode_sds(event.header.ai_service, event.data)
    except DecodeError as error:
        understood = {"type": "malformed_pdu", **header, "received_hex": event.hex}
        return _object(understood, kept=[event.hex], defects=[_defect(error.code, error.where or where, error.text)])
    fields, kept, defects = _sds_fields(message)
    fields.update(_joined(event.header.calling or "", message, joiner))
    return _object({"type": fields.pop("type"), **header, **fields}, kept=kept, defects=defects)


def _joined(sender: str, message: Any, joiner: Assembler) -> Object:
    if not isinstance(message, Transfer | ConcatenatedPart) or not is_part(message):
        return {}
    whole = [one for one in joiner.add(sender, message, 0.0) if one.complete]
    if not whole:
        return {}
    return {"joined": {"protocol": whole[0].protocol, "text": whole[0].text, "data_hex": whole[0].data_hex}}


# --- sds, lip, status -----------------------------------------------------------------------------------------------


def _sds(data: bytes) -> Iterator[Object]:
    if b"+CTSDSR" in data.upper():
        yield from _pei(data)
        return
    joiner = Assembler(pending_max=_PARTS_MAX, age_seconds=float("inf"))
    for number, text in _lines(data):
        try:
            bits = Bits.from_hex(text)
            message = decode_sds(_service(bits), bits)
        except DecodeError as error:
            yield _unreadable(error, number, text)
            continue
        fields, kept, defects = _sds_fields(message)
        yield _object({**fields, **_joined("", message, joiner)}, kept=kept, defects=defects)


def _service(bits: Bits) -> int:
    # Sixteen bits alone are a status, unless they are an empty simple text (protocol 2 or 9 and its coding).
    is_status = bits.length == 16 and (bits.value == 0 or bits.value >= SHORT_REPORT_FIRST)
    return SERVICE_STATUS if is_status else SERVICE_TYPE_4


def _lip(data: bytes) -> Iterator[Object]:
    for number, text in _lines(data):
        try:
            message = decode_lip(Bits.from_hex(text))
        except DecodeError as error:
            yield _unreadable(error, number, text)
            continue
        fields, kept, defects = _location_fields(message)
        yield _object(fields, kept=kept, defects=defects)


def _status(data: bytes) -> Iterator[Object]:
    for number, text in _lines(data):
        try:
            message = decode_status(Bits(_status_value(text), 16))
        except DecodeError as error:
            yield _unreadable(error, number, text)
            continue
        yield _object(_status_fields(message) if isinstance(message, Status) else _plain(message))


def _status_value(text: str) -> int:
    digits, base = (text[2:], 16) if text[:2].lower() == "0x" else (text, 16 if len(text) == 4 else 10)
    try:
        value = int(digits, base) if digits.isascii() and digits.isalnum() else -1
    except ValueError:
        value = -1
    if not 0 <= value <= 0xFFFF:
        raise DecodeError("bad_status", "no number between 0 and 65535")
    return value


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(data.decode("latin-1").splitlines(), start=1):
        text = "".join(line.split())
        if text and not text.startswith("#"):
            yield number, text


def _unreadable(error: DecodeError, number: int, text: str) -> Object:
    where = f"line {number}" + (f", {error.where}" if error.where else "")
    return _object({}, kept=[text], defects=[_defect(error.code, where, error.text)])


# --- fields ---------------------------------------------------------------------------------------------------------


def _sds_fields(message: Any) -> tuple[Object, list[Any], list[Object]]:
    if isinstance(message, _LOCATIONS):
        return _location_fields(message)
    if isinstance(message, Status):
        return _status_fields(message), [], []
    fields = _plain(message)
    fields = {"type": fields["kind"], **fields}
    if isinstance(message, UserData):
        defect = _defect("not_understood", "protocol", f"protocol {message.protocol} is kept, not understood")
        return fields, [message.data_hex], [] if message.sds_type < 4 else [defect]
    kept = [message.data_hex] if isinstance(message, Transfer) and message.data_hex else []
    return fields, kept, []


@cache
def _profiles() -> Profiles:
    return load_profiles((), "se-default")


def _status_fields(message: Status) -> Object:
    profiles = _profiles()
    meaning = profiles.meaning(message.value)
    key = profiles.meaning(message.value, "bos-de").key
    return {
        "type": "status",
        **_plain(message),
        "hex": meaning.raw,
        "bos_status": key or None,
        "profile": "se-default",
        "profile_verified": meaning.verified,
        "known": meaning.known,
        "meaning": meaning.meaning,
        "label": meaning.label,
        "statuses": list(meaning.statuses),
        "emergency": meaning.is_emergency,
    }


_TYPES: dict[Any, str] = {
    ShortReport: "lip_short",
    LongReport: "lip_long",
    LocationControl: "lip_control",
    ReservedPdu: "lip_reserved",
}


def _location_fields(message: Any) -> tuple[Object, list[Any], list[Object]]:
    fields: Object = {"type": _TYPES[type(message)], "protocol": 10}
    defects: list[Object] = []
    kept: list[Any] = []
    if isinstance(message, ShortReport | LongReport):
        fields.update(latitude=message.latitude_deg, longitude=message.longitude_deg)
    fields.update(_plain(message))
    if isinstance(message, ShortReport | LongReport) and not message.has_fix:
        # The field is there on the air; without a fix it means nothing.
        fields.update(latitude_deg=None, longitude_deg=None)
    if isinstance(message, LongReport):
        fields.setdefault("speed_kmh", None)
        fields["type5_elements"] = [_plain(element) for element in message.type5_elements]
    rest = getattr(message, "rest_hex", "") or getattr(message, "undecoded_hex", "") or getattr(message, "data_hex", "")
    if rest:
        kept.append(rest)
        defects.append(_defect("not_understood", "end of the message", "bits that are kept, not understood"))
    return fields, kept, defects


def _plain(value: msgspec.Struct) -> Object:
    built: Object = msgspec.to_builtins(value)
    return built


def _object(understood: Object, *, kept: list[Any] | None = None, defects: list[Object] | None = None) -> Object:
    return {"understood": understood, "kept": kept or [], "defects": defects or []}


def _defect(code: str, where: str, text: str) -> Object:
    return {"code": code, "where": where, "text": text}
