"""Common Alerting Protocol 1.2 (OASIS), read leniently: real alerts break the schema, so nothing is validated away.

An alert is idempotent on (sender, identifier, sent); updates and cancels name what they replace in ``references``.
"""

from datetime import datetime
from itertools import pairwise

import msgspec

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.instants import read_instant
from granslos_adapters.emergency.limits import (
    KEPT_CHARACTERS_MAX,
    LONG_TEXT_CHARACTERS_MAX,
    POINTS_MAX,
    SOURCE_CHARACTERS_MAX,
    VALUES_MAX,
)
from granslos_adapters.emergency.positions import in_degrees, read_number
from granslos_adapters.emergency.texts import fit, squeeze, words
from granslos_adapters.emergency.xmlsafe import Element, children, local_name, parse, text_of, to_text

INFOS_MAX = 20
AREAS_MAX = 100
RESOURCES_MAX = 50
_REQUIRED = ("identifier", "sender", "sent", "status", "msgType", "scope")
_INFO_REQUIRED = ("category", "event", "urgency", "severity", "certainty")
_ALERT = frozenset((*_REQUIRED, "source", "restriction", "addresses", "code", "note", "references", "incidents"))
_INFO_ORDER = (
    "language category event responseType urgency severity certainty audience eventCode effective onset expires "
    "senderName headline description instruction web contact parameter resource area"
).split()
_INFO = words(
    "language category event responseType urgency severity certainty audience effective onset expires senderName "
    "headline description instruction web contact"
)
_ENUMS = {
    "status": words("Actual Exercise System Test Draft"),
    "msgType": words("Alert Update Cancel Ack Error"),
    "scope": words("Public Restricted Private"),
    "urgency": words("Immediate Expected Future Past Unknown"),
    "severity": words("Extreme Severe Moderate Minor Unknown"),
    "certainty": words("Observed Likely Possible Unlikely Unknown"),
}

Values = dict[str, list[str]]


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alert applies: polygons of (latitude, longitude), circles of (latitude, longitude, radius in km)."""

    description: str = ""
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()
    circles: tuple[tuple[float, float, float], ...] = ()
    geocodes: tuple[tuple[str, str], ...] = ()


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """One ``info`` block: values by element name, named pairs (eventCode, parameter), resources and areas."""

    values: dict[str, tuple[str, ...]] = {}
    pairs: tuple[tuple[str, str, str], ...] = ()
    resources: tuple[dict[str, str], ...] = ()
    areas: tuple[Area, ...] = ()


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert; ``references`` are (sender, identifier, sent) as written."""

    identifier: str | None = None
    sender: str | None = None
    sent: datetime | None = None
    values: dict[str, tuple[str, ...]] = {}
    references: tuple[str, ...] = ()
    infos: tuple[Info, ...] = ()
    kept: tuple[str, ...] = ()
    well_formed: bool = True


def read_cap(data: bytes | str, defects: Defects) -> Alert | None:
    """Read an alert, bare or inside an envelope; None when there is none."""
    document = parse(data, defects)
    if document.root is None:
        return None
    alert = next((e for e in document.root.iter() if local_name(e) == "alert"), None)
    if alert is None:
        defects.add("no_alert", local_name(document.root)[:60])
        return None
    values, infos, kept = _sort(alert, defects)
    _check(values, _REQUIRED, defects)
    sent = values.get("sent", [""])[0]
    return Alert(
        identifier=_first(values, "identifier"),
        sender=_first(values, "sender"),
        sent=read_instant(sent, defects, "sent") if sent else None,
        values=_frozen(values),
        references=tuple(fit(part, SOURCE_CHARACTERS_MAX) for part in values.get("references", [""])[0].split()),
        infos=tuple(infos),
        kept=tuple(kept),
        well_formed=document.strict,
    )


def _sort(alert: Element, defects: Defects) -> tuple[Values, list[Info], list[str]]:
    values: Values = {}
    infos: list[Info] = []
    kept: list[str] = []
    for child in children(alert):
        name = local_name(child)
        if name == "info":
            if len(infos) < INFOS_MAX:
                infos.append(_read_info(child, defects.at(f"info.{len(infos)}"), kept))
            else:
                defects.add("too_many_values", f"more than {INFOS_MAX} info blocks")
        elif name in _ALERT:
            values.setdefault(name, []).append(_text(child))
        elif len(kept) < VALUES_MAX:
            kept.append(to_text(child, KEPT_CHARACTERS_MAX))
    return values, infos, kept


def _read_info(info: Element, defects: Defects, kept: list[str]) -> Info:
    reader = _InfoReader(defects, kept)
    parts = [(local_name(child), child) for child in list(children(info))[:VALUES_MAX]]
    for name, child in parts:
        reader.add(name, child)
    _check(reader.values, _INFO_REQUIRED, defects)
    _check_order([name for name, _ in parts], defects)
    for name in ("effective", "onset", "expires"):
        if name in reader.values:
            read_instant(reader.values[name][0], defects, name)
    return Info(
        values=_frozen(reader.values),
        pairs=tuple(reader.pairs),
        resources=tuple(reader.resources),
        areas=tuple(reader.areas),
    )


class _InfoReader:
    """Sorts the parts of one ``info`` block."""

    def __init__(self, defects: Defects, kept: list[str]) -> None:
        self._defects = defects
        self._kept = kept
        self.values: Values = {}
        self.pairs: list[tuple[str, str, str]] = []
        self.resources: list[dict[str, str]] = []
        self.areas: list[Area] = []

    def add(self, name: str, child: Element) -> None:
        if name in ("eventCode", "parameter"):
            self.pairs.append((name, *_pair(child)))
        elif name in _INFO:
            self.values.setdefault(name, []).append(_text(child))
        elif name == "resource" and len(self.resources) < RESOURCES_MAX:
            self._add_resource(child)
        elif name == "area" and len(self.areas) < AREAS_MAX:
            self.areas.append(_read_area(child, self._defects.at(f"area.{len(self.areas)}")))
        else:
            self._kept.append(to_text(child, KEPT_CHARACTERS_MAX))

    def _add_resource(self, resource: Element) -> None:
        values = {local_name(part): fit(text_of(part), KEPT_CHARACTERS_MAX) for part in children(resource)}
        for required in ("resourceDesc", "mimeType"):
            if not values.get(required):
                self._defects.add("missing_value", required, f"resource.{len(self.resources)}")
        self.resources.append(values)


def _read_area(area: Element, defects: Defects) -> Area:
    polygons: list[tuple[tuple[float, float], ...]] = []
    circles: list[tuple[float, float, float]] = []
    geocodes: list[tuple[str, str]] = []
    description = ""
    for child in list(children(area))[:VALUES_MAX]:
        name, text = local_name(child), text_of(child)
        if name == "areaDesc":
            description = _text(child)
        elif name == "polygon":
            polygons.append(_polygon(text, defects))
        elif name == "circle":
            circles += _circle(text, defects)
        elif name == "geocode":
            geocodes.append(_pair(child))
    if not description:
        defects.add("missing_value", "areaDesc")
    return Area(
        description=description,
        polygons=tuple(p for p in polygons if p),
        circles=tuple(circles),
        geocodes=tuple(geocodes),
    )


def _polygon(text: str, defects: Defects) -> tuple[tuple[float, float], ...]:
    points = [_point(word, defects) for word in text.split()[:POINTS_MAX]]
    good = tuple(point for point in points if point is not None)
    if len(good) < len(points) or len(good) < 4:
        defects.add("bad_polygon", f"{len(good)} of {len(points)} points can be used")
    elif good[0] != good[-1]:
        defects.add("ring_not_closed", f"{len(good)} points")
    return good


def _point(word: str, defects: Defects) -> tuple[float, float] | None:
    latitude, _, longitude = word.partition(",")
    y, x = read_number(latitude), read_number(longitude)
    if y is None or x is None:
        return None
    if not in_degrees(y, x):
        defects.add("position_out_of_range", word[:40])
        return None
    return y, x


def _circle(text: str, defects: Defects) -> list[tuple[float, float, float]]:
    words = text.split()
    point = _point(words[0], defects) if words else None
    radius = read_number(words[1]) if len(words) == 2 else None
    if point is None or radius is None or radius < 0:
        defects.add("bad_circle", text[:60])
        return []
    return [(*point, radius)]


def _pair(element: Element) -> tuple[str, str]:
    parts = {local_name(child): squeeze(text_of(child)) for child in children(element)}
    if not parts:  # CAP 1.0 wrote name=value
        name, _, value = squeeze(text_of(element)).partition("=")
        return fit(name, SOURCE_CHARACTERS_MAX), fit(value, KEPT_CHARACTERS_MAX)
    return fit(parts.get("valueName", ""), SOURCE_CHARACTERS_MAX), fit(parts.get("value", ""), KEPT_CHARACTERS_MAX)


def _check(values: Values, required: tuple[str, ...], defects: Defects) -> None:
    for name in required:
        if not values.get(name, [""])[0]:
            defects.add("missing_value", name)
        elif name in _ENUMS and values[name][0] not in _ENUMS[name]:
            defects.add("unknown_value", f"{name}: {values[name][0][:40]}")


def _check_order(names: list[str], defects: Defects) -> None:
    places = [(_INFO_ORDER.index(name), name) for name in names if name in _INFO_ORDER]
    for (place, _), (following, name) in pairwise(places):
        if following < place:
            defects.add("element_order", name)
            return


def _text(element: Element) -> str:
    return fit(squeeze(text_of(element)), LONG_TEXT_CHARACTERS_MAX)


def _first(values: Values, name: str) -> str | None:
    return fit(values.get(name, [""])[0], SOURCE_CHARACTERS_MAX) or None


def _frozen(values: Values) -> dict[str, tuple[str, ...]]:
    return {name: tuple(texts) for name, texts in values.items()}
