"""What an AML message means, for ``granslos conform aml``; see ``granslos_adapters.emergency.conform``."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from granslos_adapters.aml.codec import Fix, read_form, read_sms
from granslos_adapters.emergency.conform import BYTES_MAX, from_hex, position, result, vectors
from granslos_adapters.emergency.defects import Defects

KINDS = ("aml",)
Object = dict[str, Any]
_FORM = re.compile(rb"(^|&)(location_\w+|device_\w+|emergency_number|thunderbird_version|v|time|source)=")


def conform(kind: str, data: bytes) -> list[Object]:
    """Return one object for each message in the data; at least one."""
    assert kind in KINDS
    found = []
    for message in _messages(data[:BYTES_MAX]):
        defects = Defects()
        raw = message if isinstance(message, bytes) else message.encode("utf-8", "replace")
        fix = read_form(raw, defects) if _FORM.search(raw[:4_096]) else read_sms(message, defects)
        understood = _understood(fix) if fix is not None else {}
        kept = [f"{name}={value}" for name, value in fix.kept.items()] if fix is not None else []
        found.append(result(understood, kept, defects.all(), raw))
    return found


def _messages(data: bytes) -> Iterator[bytes | str]:
    listed = vectors(data, "text", "hex")
    if listed is not None:
        for item in listed:
            if isinstance(item.get("hex"), str):
                yield from from_hex(item["hex"].encode())
            else:
                yield str(item["text"])
        return
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) > 1 and all(b'A"ML' in line or b"=" in line for line in lines):
        yield from (line.strip() for line in lines)
        return
    yield from from_hex(data) or [data]


def _understood(fix: Fix) -> Object:
    shown: Object = msgspec.to_builtins(fix)
    for name in ("latitude", "longitude", "usable", "suggestion", "radius_m", "kept"):
        shown.pop(name)
    place = position(fix.latitude, fix.longitude, fix.radius_m, fix.usable, fix.suggestion)
    return {"position": place, "radius_m": fix.radius_m, **shown}
