"""What a message means, what was kept as it was, what is wrong with it: for ``granslos conform KIND``.

``conform`` takes every kind of a 112 handover: pidf, cap, additional and msd are read here; eido, aml and sip by their
adapters, which are looked up by name because they lie above this folder. Never raises for any bytes; ``understood``
empty means unreadable.

Forms of input:
    pidf, cap, additional   one document
    msd                     bytes, lines of hex, or a JSON list of objects with ``hex``
    eido                    an EIDO, a list of them, or a notification
    aml                     lines of text, packed octets, hex of them, a form, or a JSON list with ``text`` or ``hex``
    sip                     one message, or JSON with ``messages`` that have ``raw``
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from granslos.contract.places import Defect
from granslos_adapters.emergency.additional_data import Block, read_additional_data
from granslos_adapters.emergency.cap import read_cap
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import KEPT_CHARACTERS_MAX
from granslos_adapters.emergency.msd import Msd, read_msd
from granslos_adapters.emergency.pidflo import Found, PidfLo, read_pidflo
from granslos_adapters.emergency.positions import Suggestion
from granslos_adapters.emergency.texts import fit
from granslos_adapters.emergency.values import clean

BYTES_MAX = 64 << 20
"""Longest file that is read as a whole."""
ELSEWHERE = {
    "eido": "granslos_adapters.eido.conform",
    "aml": "granslos_adapters.aml.conform",
    "sip": "granslos_adapters.sip.conform",
}
Object = dict[str, Any]
_HEX = re.compile(rb"^[0-9A-Fa-f\s:]+$")


def conform(kind: str, data: bytes) -> list[Object]:
    """Return one object a message: ``understood``, ``kept``, ``defects``; at least one for any input.

    Raises:
        ValueError: ``kind`` is none of ``KINDS``.
    """
    if kind in ELSEWHERE:
        found: list[Object] = importlib.import_module(ELSEWHERE[kind]).conform(kind, data)
        return found
    if kind not in _READERS:
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
    if len(data) > BYTES_MAX:
        return [result({}, [], [Defect(code="too_big", text=f"more than {BYTES_MAX} bytes")])]
    return list(_READERS[kind](data))


def result(understood: Object, kept: Iterable[str], defects: Iterable[Defect], raw: bytes = b"") -> Object:
    """Return one object in the form that ``granslos conform`` prints; empty members are left out of ``understood``.

    Where nothing was understood, the beginning of ``raw`` stands under ``kept``.
    """
    shown = clean({key: value for key, value in understood.items() if value not in (None, [], {}, ())})
    parts = list(kept) or ([raw.decode("utf-8", "backslashreplace")] if raw and not shown else [])
    return {
        "understood": shown,
        "kept": [fit(part, KEPT_CHARACTERS_MAX) for part in parts],
        "defects": [{"code": one.code, "where": one.where, "text": one.text} for one in defects],
    }


def vectors(data: bytes, *members: str) -> list[Object] | None:
    """Return the objects of a JSON list (or of its ``messages``) that have one of these members; None when it is none."""
    if data.lstrip()[:1] not in (b"[", b"{"):
        return None
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    listed = document.get("messages") if isinstance(document, dict) else document
    found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return [item for item in found if any(isinstance(item.get(name), str) for name in members)] or None


def from_hex(data: bytes) -> list[bytes]:
    """Return the messages in lines of hex; nothing when the data is no hex."""
    if not _HEX.match(data):
        return []
    found = []
    for line in data.split(b"\n"):
        digits = re.sub(rb"[\s:]", b"", line)
        if digits and len(digits) % 2 == 0:
            found.append(bytes.fromhex(digits.decode()))
    return found


# --- shared shapes of what is understood ------------------------------------------------------------------------------


def position(
    latitude: float | None, longitude: float | None, radius_m: float | None, usable: bool, meant: Suggestion | None
) -> Object | None:
    """Return a position as numbers, and what may have been meant by one that cannot be true."""
    if latitude is None or longitude is None:
        return None
    shown: Object = {"latitude": latitude, "longitude": longitude, "radius_m": radius_m, "usable": usable}
    if meant is not None:
        shown["suggestion"] = {"latitude": meant.latitude, "longitude": meant.longitude, "reason": meant.reason}
    return shown


def location(found: Found) -> Object:
    """Return one location of a PIDF-LO."""
    shape, civic = found.shape, found.civic
    shown: Object = {"container": found.container, "method": found.method, "usable": found.usable}
    if shape is not None:
        shown["shape"] = shape.kind
        shown["position"] = position(shape.latitude, shape.longitude, shape.radius_m, shape.usable, shape.suggestion)
        shown["points"] = [list(point) for point in shape.points]
        shown["altitude_m"] = shape.altitude_m
    if civic is not None:
        shown["address"] = civic.text
        shown["civic"] = [list(pair) for pair in civic.elements]
    if found.motion is not None:
        shown["motion"] = msgspec.to_builtins(found.motion)
    shown["confidence_percent"] = found.confidence_percent
    shown["observed_at"] = found.observed_at.isoformat() if found.observed_at else None
    return {key: value for key, value in shown.items() if value is not None}


def pidf(document: PidfLo) -> Object:
    """Return a PIDF-LO; ``position`` is that of the location to show first that has one."""
    placed = [found.shape for found in document.ranked() if found.shape is not None]
    first = placed[0] if placed else None
    return {
        "entity": document.entity,
        "well_formed": document.well_formed if document.locations else None,
        "position": position(first.latitude, first.longitude, first.radius_m, first.usable, first.suggestion)
        if first
        else None,
        "locations": [location(found) for found in document.locations],
        "device_ids": list(document.device_ids),
        "provided_by": [block(one) for one in document.provided_by],
    }


def block(one: Block) -> Object:
    """Return an additional-data block."""
    shown: Object = {
        "block": one.name,
        "reference": one.reference,
        "values": [list(pair) for pair in one.values],
        "contacts": [msgspec.to_builtins(contact) for contact in one.contacts],
        "url": one.url,
    }
    if one.position is not None:
        spot = one.position
        shown["position"] = position(spot.latitude, spot.longitude, None, spot.usable, spot.suggestion)
    return {key: value for key, value in shown.items() if value not in (None, [])}


def msd(read: Msd) -> Object:
    """Return an eCall's minimum set of data."""
    shown: Object = msgspec.to_builtins(read)
    for name in ("latitude", "longitude", "usable", "suggestion"):
        shown.pop(name)
    return shown | {"position": position(read.latitude, read.longitude, None, read.usable, read.suggestion)}


# --- the kinds read here ----------------------------------------------------------------------------------------------


def _pidf(data: bytes) -> Iterator[Object]:
    defects = Defects()
    document = read_pidflo(data, defects)
    yield result(pidf(document), document.kept, defects.all(), data)


def _additional(data: bytes) -> Iterator[Object]:
    defects = Defects()
    blocks = read_additional_data(data, defects)
    yield result({"blocks": [block(one) for one in blocks]}, [], defects.all(), data)


def _cap(data: bytes) -> Iterator[Object]:
    defects = Defects()
    alert = read_cap(data, defects)
    understood: Object = msgspec.to_builtins(alert) if alert is not None else {}
    kept = understood.pop("kept", [])
    yield result(understood, kept, defects.all(), data)


def _msd(data: bytes) -> Iterator[Object]:
    listed = vectors(data, "hex")
    messages = [one for item in listed for one in from_hex(str(item["hex"]).encode()) or [b""]] if listed else from_hex(data)
    for message in messages or [data]:
        defects = Defects()
        read = read_msd(message, defects)
        yield result(msd(read) if read is not None else {}, [f"raw {message[:140].hex()}"], defects.all())


_READERS: dict[str, Callable[[bytes], Iterator[Object]]] = {
    "pidf": _pidf,
    "additional": _additional,
    "cap": _cap,
    "msd": _msd,
}
KINDS = (*_READERS, *ELSEWHERE)
