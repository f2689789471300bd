"""The minimum set of data read bit by bit, as far as the bits go (X.691 unaligned, EN 15722).

For messages that are cut, damaged, or laid out otherwise than their version says. Only fields that are whole are
returned: UPER has no partial numbers.
"""

from typing import Any

import msgspec

VEHICLE_TYPES = (
    "passengerVehicleClassM1",
    "busesAndCoachesClassM2",
    "busesAndCoachesClassM3",
    "lightCommercialVehiclesClassN1",
    "heavyDutyVehiclesClassN2",
    "heavyDutyVehiclesClassN3",
    "motorcyclesClassL1e",
    "motorcyclesClassL2e",
    "motorcyclesClassL3e",
    "motorcyclesClassL4e",
    "motorcyclesClassL5e",
    "motorcyclesClassL6e",
    "motorcyclesClassL7e",
    "trailersClassO",
    "agriVehiclesClassR",
    "agriVehiclesClassS",
    "agriVehiclesClassT",
    "offRoadVehiclesG",
    "specialPurposeMotorCaravanClassSA",
    "specialPurposeArmouredVehicleClassSB",
    "specialPurposeAmbulanceClassSC",
    "specialPurposeHearseClassSD",
    "otherVehicleClass",
)
"""13 in the root, the rest after the extension marker."""
_ALPHABET = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
"""A VIN's characters in canonical order; each is an index of 6 bits."""
STORAGE = (
    "gasolineTankPresent",
    "dieselTankPresent",
    "compressedNaturalGas",
    "liquidPropaneGas",
    "electricEnergyStorage",
    "hydrogenStorage",
    "otherStorage",
)
_ROOT_TYPES = 13
Fields = dict[str, Any]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where versions differ: ``otherStorage`` in the root (2 and later), recent locations mandatory (3)."""

    other_storage: bool = True
    recent_mandatory: bool = False


class _EndOfBitsError(Exception):
    pass


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise _EndOfBitsError
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)


def walk(body: bytes, layout: Layout) -> Fields:
    """Return the fields of an MSDMessage that are whole, in the names of the standard; stops where the bits end."""
    fields: Fields = {}
    try:
        _walk(_Bits(body), layout, fields)
    except _EndOfBitsError:
        fields["cut"] = True
    return fields


def _walk(bits: _Bits, layout: Layout, fields: Fields) -> None:
    bits.take(2)  # extension, additional data
    bits.take(1)  # extension of the structure
    has_recent = (True, True) if layout.recent_mandatory else (bits.take(1) == 1, bits.take(1) == 1)
    has_passengers = bits.take(1)
    fields["messageIdentifier"] = bits.take(8)
    for name in ("automaticActivation", "testCall", "positionCanBeTrusted"):
        fields[name] = bits.take(1) == 1
    fields["vehicleType"] = _vehicle_type(bits)
    fields["vin"] = _vin(bits)
    fields["propulsion"] = _storage(bits, layout)
    fields["timestamp"] = bits.take(32)
    latitude, longitude = bits.take(32) - (1 << 31), bits.take(32) - (1 << 31)
    fields["positionLatitude"], fields["positionLongitude"] = latitude, longitude
    fields["vehicleDirection"] = bits.take(8)
    for name, present in zip(("recentVehicleLocationN1", "recentVehicleLocationN2"), has_recent, strict=True):
        if present:
            fields[name] = (bits.take(10) - 512, bits.take(10) - 512)
    if has_passengers:
        fields["numberOfPassengers"] = bits.take(8)


def _vehicle_type(bits: _Bits) -> str | None:
    if bits.take(1):  # a normally small number (X.691 10.6): one bit, then six
        index = _ROOT_TYPES + bits.take(7)
    else:
        index = bits.take(4)
        if index >= _ROOT_TYPES:
            return None
    return VEHICLE_TYPES[index] if index < len(VEHICLE_TYPES) else f"type{index}"


def _vin(bits: _Bits) -> str | None:
    indexes = [bits.take(6) for _ in range(17)]
    return "".join(_ALPHABET[index] for index in indexes) if max(indexes) < len(_ALPHABET) else None


def _storage(bits: _Bits, layout: Layout) -> tuple[str, ...]:
    names = STORAGE if layout.other_storage else STORAGE[:-1]
    extended = bits.take(1)
    present = [name for name in names if bits.take(1)]
    # Values that equal their default need no bits, but senders write them: one bit for each that is present.
    found = tuple(name for name in present if bits.take(1))
    if extended:
        _skip_extensions(bits)
    return found


def _skip_extensions(bits: _Bits) -> None:
    count = bits.take(7) + 1
    for _ in range(sum(bits.take(1) for _ in range(count))):
        bits.take(8 * bits.take(8))
