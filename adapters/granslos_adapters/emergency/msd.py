"""eCall's minimum set of data (EN 15722), versions 1 to 3: packed bits (UPER) to values.

The module's ASN.1 is our own, written from the published field tables. Version 1 is the message itself behind an
``id``; versions 2 and 3 wrap it in an OCTET STRING behind ``msdVersion``. What the compiled module refuses is read
field by field as far as the bits go (``msd_bits``); only what is plausible is kept. Senders do not encode
canonically, so the bytes themselves are always kept beside.
"""

import functools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import asn1tools  # type: ignore[import-untyped]  # it has no types
import msgspec

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.instants import from_epoch
from granslos_adapters.emergency.msd_bits import STORAGE, VEHICLE_TYPES, Layout, walk
from granslos_adapters.emergency.positions import Suggestion, judge

MSD_BYTES_MAX = 140
"""EN 15722: no MSD is longer; more is read as far as it is an MSD."""
MILLIARCSECONDS_PER_DEGREE = 3_600_000
DELTA_MILLIARCSECONDS = 100
UNKNOWN_ANGLE = 0x7FFFFFFF
UNKNOWN_DIRECTION = 255
UNKNOWN_OCCUPANTS = 255
LAYOUTS: dict[int, tuple[Layout, ...]] = {
    1: (Layout(other_storage=False), Layout(other_storage=True)),
    2: (Layout(), Layout(other_storage=False)),
    3: (Layout(recent_mandatory=True), Layout()),
}
"""For each version the layout that the standard has, then one that senders were seen or may be expected to use."""

Fields = dict[str, Any]


class Msd(msgspec.Struct, frozen=True, kw_only=True):
    """What a vehicle says. Angles in degrees WGS 84; ``recent`` are earlier positions, the newest first.

    Fields that could not be read are None. ``usable`` is false for a position that must not be routed on.
    """

    version: int
    message_identifier: int | None = None
    automatic: bool | None = None
    test: bool | None = None
    position_trusted: bool | None = None
    vehicle_type: str | None = None
    vin: str | None = None
    propulsion: tuple[str, ...] = ()
    sent_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    usable: bool = False
    suggestion: Suggestion | None = None
    direction_deg: float | None = None
    recent: tuple[tuple[float, float], ...] = ()
    occupants: int | None = None
    additional_oid: str | None = None
    additional_data: str | None = None


def read_msd(data: bytes, defects: Defects) -> Msd | None:
    """Read an MSD; None with a defect when nothing of it is plausible."""
    if len(data) < 2:
        defects.add("not_an_msd", f"{len(data)} bytes")
        return None
    if len(data) > MSD_BYTES_MAX:
        defects.add("too_long", f"{len(data)} bytes, at most {MSD_BYTES_MAX}")
    version = data[0]
    if version not in LAYOUTS:
        defects.add("unknown_version", str(version))
    fields = _best(version if version in LAYOUTS else 3, data[: 2 * MSD_BYTES_MAX], defects)
    if fields is None:
        defects.add("not_an_msd", "nothing of it is plausible")
        return None
    return _build(version, fields, defects)


def _best(version: int, data: bytes, defects: Defects) -> Fields | None:
    body = _unwrap(data, defects) if version > 1 else data[1:]
    strict = _strict(version, body, defects)
    if strict is not None and _plausible(strict):
        return strict
    partial: list[Fields] = []
    for layout in LAYOUTS[version]:
        fields = walk(body, layout)
        if _plausible(fields):
            if layout != LAYOUTS[version][0]:
                defects.add("unusual_layout", "read with another version's layout")
            return fields
        partial.append(fields)
    if strict is not None:
        return strict
    return next((kept for fields in partial if (kept := _salvage(fields))), None)


def _unwrap(data: bytes, defects: Defects) -> bytes:
    length, start = data[1], 2
    if length & 0xC0 == 0x80 and len(data) > 2:
        length, start = (length & 0x3F) << 8 | data[2], 3
    body = data[start:]
    if len(body) < length:
        defects.add("truncated", f"{len(body)} of {length} bytes")
    elif body[length:].strip(b"\0"):
        defects.add("trailing_bytes", f"{len(body) - length} bytes")
    return body[:length] if length else body


def _strict(version: int, body: bytes, defects: Defects) -> Fields | None:
    try:
        decoded: Fields = _module(version).decode("MSDMessage", body)
    except (asn1tools.Error, NotImplementedError, ValueError, LookupError) as error:  # it raises all of these
        defects.add("not_decodable", str(error)[:120])
        return None
    structure: Fields = decoded["msdStructure"]
    fields: Fields = structure | structure["control"] | structure["vehicleLocation"]
    number = structure["vehicleIdentificationNumber"]
    fields["vin"] = number["isowmi"] + number["isovds"] + number["isovisModelyear"] + number["isovisSeqPlant"]
    fields["propulsion"] = tuple(name for name, has in structure["vehiclePropulsionStorageType"].items() if has is True)
    for name in ("recentVehicleLocationN1", "recentVehicleLocationN2"):
        if name in structure:
            fields[name] = (structure[name]["latitudeDelta"], structure[name]["longitudeDelta"])
    if "optionalAdditionalData" in decoded:
        fields["oid"] = decoded["optionalAdditionalData"]["oid"]
        fields["data"] = decoded["optionalAdditionalData"]["data"]
    return fields


def _plausible(fields: Fields) -> bool:
    """Return whether the whole structure hangs together: a VIN's alphabet alone is right by chance once in 80 000."""
    latitude, longitude = fields.get("positionLatitude"), fields.get("positionLongitude")
    if not fields.get("vin") or latitude is None or longitude is None:
        return False
    seconds = fields["timestamp"]
    return _in_range(latitude, 90) and _in_range(longitude, 180) and (seconds == 0 or seconds >= 631_152_000)


def _salvage(fields: Fields) -> Fields | None:
    """Return what may be kept of a message that does not hang together, or None."""
    latitude, longitude = fields.get("positionLatitude"), fields.get("positionLongitude")
    placed = (
        latitude is not None
        and longitude is not None
        and judge(latitude / MILLIARCSECONDS_PER_DEGREE, longitude / MILLIARCSECONDS_PER_DEGREE).usable
    )
    if placed:
        return fields
    if not fields.get("vin"):
        return None
    before = ("messageIdentifier", "automaticActivation", "testCall", "positionCanBeTrusted", "vehicleType", "vin")
    kept: Fields = {name: fields[name] for name in before if name in fields}
    return kept


def _in_range(angle: int, degrees: int) -> bool:
    return angle == UNKNOWN_ANGLE or abs(angle) <= degrees * MILLIARCSECONDS_PER_DEGREE


def _build(version: int, fields: Fields, defects: Defects) -> Msd:
    if not fields.get("vin"):
        defects.add("vin_unreadable", "characters that no VIN has, or cut off")
    latitude, longitude = _degrees(fields.get("positionLatitude")), _degrees(fields.get("positionLongitude"))
    usable, suggestion = False, None
    if latitude is None or longitude is None:
        defects.add("no_position", "unknown to the vehicle, or cut off")
    else:
        verdict = judge(latitude, longitude)
        usable, suggestion = verdict.usable, verdict.suggestion
        if verdict.problem is not None:
            defects.add(verdict.problem, f"{latitude}, {longitude}")
    if fields.get("positionCanBeTrusted") is False:
        defects.add("position_not_trusted", "the vehicle does not vouch for 150 m")
    seconds, direction = fields.get("timestamp"), fields.get("vehicleDirection")
    occupants = fields.get("numberOfPassengers")
    return Msd(
        version=version,
        message_identifier=fields.get("messageIdentifier"),
        automatic=fields.get("automaticActivation"),
        test=fields.get("testCall"),
        position_trusted=fields.get("positionCanBeTrusted"),
        vehicle_type=fields.get("vehicleType"),
        vin=fields.get("vin"),
        propulsion=fields.get("propulsion", ()),
        sent_at=from_epoch(seconds, defects, "timestamp") if seconds else None,
        latitude=latitude,
        longitude=longitude,
        usable=usable,
        suggestion=suggestion,
        direction_deg=direction * 2.0 if direction is not None and direction < 180 else None,
        recent=tuple(_recent(fields, latitude, longitude)),
        occupants=occupants if occupants != UNKNOWN_OCCUPANTS else None,
        additional_oid=_relative_oid(fields["oid"]) if "oid" in fields else None,
        additional_data=fields["data"].hex() if "data" in fields else None,
    )


def _degrees(angle: int | None) -> float | None:
    return None if angle is None or angle == UNKNOWN_ANGLE else angle / MILLIARCSECONDS_PER_DEGREE


def _recent(fields: Fields, latitude: float | None, longitude: float | None) -> Iterator[tuple[float, float]]:
    """Yield earlier positions; each is relative to the one after it in time."""
    for name in ("recentVehicleLocationN1", "recentVehicleLocationN2"):
        if name not in fields or latitude is None or longitude is None:
            return
        latitude += fields[name][0] * DELTA_MILLIARCSECONDS / MILLIARCSECONDS_PER_DEGREE
        longitude += fields[name][1] * DELTA_MILLIARCSECONDS / MILLIARCSECONDS_PER_DEGREE
        yield latitude, longitude


def _relative_oid(octets: bytes) -> str:
    parts, value = [], 0
    for octet in octets:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            parts.append(str(value))
            value = 0
    return ".".join(parts)


@functools.cache
def _module(version: int) -> Any:
    """Compile the ASN.1 of a version; RELATIVE-OID is written as OCTET STRING, which has the same bits (X.691 24)."""
    recent = "" if version == 3 else "OPTIONAL"
    storage = list(STORAGE if version > 1 else STORAGE[:-1])
    vehicle_types = ", ".join([*VEHICLE_TYPES[:13], "...", *VEHICLE_TYPES[13:]])
    return asn1tools.compile_string(
        _ASN1.format(
            storage=", ".join(f"{name} BOOLEAN DEFAULT FALSE" for name in storage),
            recent=recent,
            vehicle_types=vehicle_types,
            alphabet='FROM("A".."H"|"J".."N"|"P"|"R".."Z"|"0".."9")',
        ),
        "uper",
    )


_ASN1 = """
MSD DEFINITIONS AUTOMATIC TAGS ::= BEGIN
MSDMessage ::= SEQUENCE {{ msdStructure Structure, optionalAdditionalData Additional OPTIONAL, ... }}
Additional ::= SEQUENCE {{ oid OCTET STRING, data OCTET STRING }}
Structure ::= SEQUENCE {{
  messageIdentifier INTEGER (0..255), control Control, vehicleIdentificationNumber Vin,
  vehiclePropulsionStorageType Storage, timestamp INTEGER (0..4294967295), vehicleLocation Location,
  vehicleDirection INTEGER (0..255), recentVehicleLocationN1 Delta {recent}, recentVehicleLocationN2 Delta {recent},
  numberOfPassengers INTEGER (0..255) OPTIONAL, ... }}
Control ::= SEQUENCE {{ automaticActivation BOOLEAN, testCall BOOLEAN, positionCanBeTrusted BOOLEAN,
  vehicleType ENUMERATED {{ {vehicle_types} }} }}
Vin ::= SEQUENCE {{ isowmi PrintableString (SIZE(3)) ({alphabet}), isovds PrintableString (SIZE(6)) ({alphabet}),
  isovisModelyear PrintableString (SIZE(1)) ({alphabet}), isovisSeqPlant PrintableString (SIZE(7)) ({alphabet}) }}
Storage ::= SEQUENCE {{ {storage}, ... }}
Location ::= SEQUENCE {{ positionLatitude Angle, positionLongitude Angle }}
Angle ::= INTEGER (-2147483648..2147483647)
Delta ::= SEQUENCE {{ latitudeDelta INTEGER (-512..511), longitudeDelta INTEGER (-512..511) }}
END
"""
