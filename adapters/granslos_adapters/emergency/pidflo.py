"""PIDF-LO location documents (RFC 4119, 5139, 5491, 5962, 6848, 7459) to locations with positions and addresses.

Elements are found by local name, because senders get namespaces wrong; several locations are all kept. Which of them
is shown first follows RFC 5491: device, then tuple, then person; a usable position before an unusable one.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import zip_longest

import msgspec

from granslos_adapters.emergency.additional_data import Block, read_blocks
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.instants import read_instant
from granslos_adapters.emergency.limits import (
    KEPT_CHARACTERS_MAX,
    LOCATIONS_MAX,
    PERSONAL_CHARACTERS_MAX,
    SHORT_TEXT_CHARACTERS_MAX,
)
from granslos_adapters.emergency.positions import read_number
from granslos_adapters.emergency.shapes import SHAPES, Shape, read_shape
from granslos_adapters.emergency.texts import fit, squeeze, words
from granslos_adapters.emergency.xmlsafe import Element, children, local_name, parse, text_of, to_text

CONTAINERS = ("device", "tuple", "person")
"""In order of precedence (RFC 5491, 3.4)."""
_KNOWN = words(
    "presence tuple device person status geopriv geolocation location-info location civicAddress Dynamic usage-rules "
    "method provided-by timestamp deviceID confidence note contact note-well relative-location ruleset-reference "
    "retransmission-allowed retention-expiry external-ruleset"
)
_PARTS = SHAPES | {"civicAddress", "Dynamic", "confidence"}


class Civic(msgspec.Struct, frozen=True, kw_only=True):
    """A civic address (RFC 5139, RFC 6848): elements as sent, in order, extensions included; ``text`` for a person."""

    elements: tuple[tuple[str, str], ...]
    text: str
    language: str | None = None


class Motion(msgspec.Struct, frozen=True, kw_only=True):
    """Movement of the caller (RFC 5962): speed in m/s, heading in degrees."""

    speed_m_s: float | None = None
    heading_deg: float | None = None
    orientation: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One location of a document: a shape, an address, or both."""

    container: str
    shape: Shape | None = None
    civic: Civic | None = None
    motion: Motion | None = None
    method: str | None = None
    confidence_percent: float | None = None
    observed_at: datetime | None = None

    @property
    def usable(self) -> bool:
        """Whether its position may be routed on."""
        return self.shape is not None and self.shape.usable


class PidfLo(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says. ``locations`` are in document order."""

    entity: str | None = None
    locations: tuple[Found, ...] = ()
    device_ids: tuple[str, ...] = ()
    provided_by: tuple[Block, ...] = ()
    kept: tuple[str, ...] = ()
    well_formed: bool = True

    @property
    def best(self) -> Found | None:
        """The location to show first."""
        ordered = self.ranked()
        return ordered[0] if ordered else None

    def ranked(self) -> list[Found]:
        """All locations, the one to show first in front."""
        return sorted(self.locations, key=_rank)


def read_pidflo(data: bytes | str, defects: Defects) -> PidfLo:
    """Read a document; what cannot be understood leaves defects and never an exception."""
    document = parse(data, defects)
    if document.root is None:
        return PidfLo(well_formed=False)
    return _read_root(document.root, document.strict, defects)


def _read_root(root: Element, strict: bool, defects: Defects) -> PidfLo:
    reader = _Reader(defects)
    reader.walk(root, "unknown", {})
    if not reader.locations and not reader.seen_location_info:
        defects.add("no_location_info", f"root {local_name(root)[:40]}")
        reader.scavenge(root)
    return PidfLo(
        entity=fit(root.get("entity") or "", SHORT_TEXT_CHARACTERS_MAX) or None,
        locations=tuple(reader.locations),
        device_ids=tuple(reader.device_ids),
        provided_by=tuple(reader.provided_by),
        kept=tuple(reader.kept),
        well_formed=strict,
    )


class _Reader:
    """Walks a document once, collecting."""

    def __init__(self, defects: Defects) -> None:
        self._defects = defects
        self.locations: list[Found] = []
        self.device_ids: list[str] = []
        self.provided_by: list[Block] = []
        self.kept: list[str] = []
        self.seen_location_info = False

    def walk(self, element: Element, container: str, context: dict[str, str]) -> None:
        """Read below ``element``; ``context`` has the method and the time that apply there."""
        parts = [(local_name(child), child) for child in children(element)]
        context = context | {
            name: text_of(child) for name, child in parts if name in ("method", "timestamp") and text_of(child)
        }
        for name, child in parts:
            if name == "location-info":
                self.seen_location_info = True
                self._location(child, container, context)
            elif name in CONTAINERS:
                self.walk(child, name, context)
            elif name in ("status", "geopriv", "geolocation"):
                self.walk(child, container, context)
            elif name == "provided-by":
                self.provided_by.extend(read_blocks(child, self._defects.at("provided-by")))
            elif name == "deviceID":
                self.device_ids.append(fit(text_of(child), SHORT_TEXT_CHARACTERS_MAX))
            elif name not in _KNOWN:
                self.kept.append(to_text(child, KEPT_CHARACTERS_MAX))

    def scavenge(self, root: Element) -> None:
        """Read shapes and addresses wherever they are, in a document without ``location-info``."""
        parts = [root]
        if local_name(root) not in _PARTS:
            parts.clear()
            _collect(root, parts)
        known = [part for part in parts if local_name(part) in _PARTS]
        if known:
            self._add(known, "unknown", {})

    def _location(self, info: Element, container: str, context: dict[str, str]) -> None:
        parts: list[Element] = []
        _collect(info, parts)
        self._add(parts, container, context)

    def _add(self, elements: list[Element], container: str, context: dict[str, str]) -> None:
        defects = self._defects.at(f"{container}.{len(self.locations)}")
        if not elements:
            defects.add("location_empty", "location-info without content")
        parts = _Parts(defects)
        for element in elements:
            if local_name(element) in _PARTS:
                parts.add(element)
            else:
                self.kept.append(to_text(element, KEPT_CHARACTERS_MAX))
        time = context.get("timestamp")
        observed_at = read_instant(time, defects, "timestamp") if time else None
        method = fit(context.get("method", ""), SHORT_TEXT_CHARACTERS_MAX) or None
        for shape, civic, motion in parts.rows():
            if len(self.locations) >= LOCATIONS_MAX:
                defects.add("too_many_locations", f"more than {LOCATIONS_MAX}")
                return
            self.locations.append(
                Found(
                    container=container,
                    shape=shape,
                    civic=civic,
                    motion=motion,
                    method=method,
                    confidence_percent=parts.confidence,
                    observed_at=observed_at,
                )
            )


class _Parts:
    """What one ``location-info`` holds."""

    def __init__(self, defects: Defects) -> None:
        self._defects = defects
        self._shapes: list[Shape] = []
        self._civics: list[Civic] = []
        self._motions: list[Motion] = []
        self.confidence: float | None = None

    def add(self, element: Element) -> None:
        name = local_name(element)
        defects = self._defects.at(name)
        if name == "confidence":
            self.confidence = _confidence(element, defects)
        elif name == "civicAddress":
            civic = read_civic(element, defects)
            self._civics += [civic] if civic else []
        elif name == "Dynamic":
            motion = _motion(element, defects)
            self._motions += [motion] if motion else []
        else:
            shape = read_shape(element, defects)
            self._shapes += [shape] if shape else []

    def rows(self) -> Iterator[tuple[Shape | None, Civic | None, Motion | None]]:
        """Yield one row for each location: the first shape goes with the first address."""
        return zip_longest(self._shapes, self._civics, self._motions)


def _collect(element: Element, parts: list[Element]) -> None:
    """Gather the location parts below ``element``, not looking into those found."""
    for child in children(element):
        name = local_name(child)
        if name in _PARTS:
            parts.append(child)
        elif len(child):
            _collect(child, parts)
        elif name not in ("location-info", "location"):
            parts.append(child)


def read_civic(element: Element, defects: Defects) -> Civic | None:
    """Read a civic address; None with a defect when it has no value."""
    elements: list[tuple[str, str]] = []
    for child in element.iter():
        if child is element or len(child) or not local_name(child):
            continue
        value = squeeze(text_of(child))
        if value:
            elements.append((local_name(child), fit(value, SHORT_TEXT_CHARACTERS_MAX)))
    if not elements:
        defects.add("address_empty", "civicAddress without values")
        return None
    language = element.get("{http://www.w3.org/XML/1998/namespace}lang")
    return Civic(elements=tuple(elements), text=_address(dict(elements)), language=language)


def _address(values: dict[str, str]) -> str:
    """Write an address the Swedish way: road and number, place, postal code and town, municipality, county, country."""
    road = " ".join(values[name] for name in ("PRD", "RD", "A6", "STS", "POD", "RDSEC", "RDBR", "HNO", "HNS") if name in values)
    inside = [f"{label} {values[name]}" for name, label in (("FLR", "vån"), ("UNIT", "lgh"), ("ROOM", "rum")) if name in values]
    place = [values[name] for name in ("NAM", "LMK", "BLD", "LOC") if name in values]
    town = " ".join(values[name] for name in ("PC", "PCN", "A3") if name in values)
    rest = [values[name] for name in ("A4", "A5", "A2", "A1", "country") if name in values]
    text = ", ".join(part for part in (road, *inside, *place, town, *rest) if part)
    return fit(text or ", ".join(values.values()), PERSONAL_CHARACTERS_MAX)


def _motion(element: Element, defects: Defects) -> Motion | None:
    values = {local_name(child): text_of(child) for child in children(element)}
    speed, heading = values.get("speed"), values.get("heading")
    numbers = []
    for name, value in (("speed", speed), ("heading", heading)):
        number = read_number(value.split()[0]) if value else None
        if value and number is None:
            defects.add("bad_value", f"{name}: {value[:40]}")
        numbers.append(number)
    orientation = fit(values.get("orientation", ""), SHORT_TEXT_CHARACTERS_MAX) or None
    if numbers == [None, None] and orientation is None:
        return None
    return Motion(speed_m_s=numbers[0], heading_deg=numbers[1], orientation=orientation)


def _confidence(element: Element, defects: Defects) -> float | None:
    text = text_of(element)
    value = read_number(text)
    if value is None or not 0 <= value <= 100:
        if text != "unknown":
            defects.add("bad_value", f"confidence: {text[:40]}")
        return None
    return value


def _rank(found: Found) -> tuple[bool, int]:
    order = CONTAINERS.index(found.container) if found.container in CONTAINERS else len(CONTAINERS)
    return not found.usable, order
