"""Additional data about a call: RFC 7852 blocks, eCall control (RFC 8147), crash data (VEDS, RFC 8148), vCards.

Every block becomes a flat list of named values, so that nothing of a block is lost whatever its kind; contacts and
positions are read out besides. Blocks are told by local name, since senders get their namespaces wrong.
"""

import msgspec

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import (
    BLOCKS_MAX,
    LONG_TEXT_CHARACTERS_MAX,
    SHORT_TEXT_CHARACTERS_MAX,
    VALUES_MAX,
)
from granslos_adapters.emergency.positions import Suggestion, judge, read_number
from granslos_adapters.emergency.texts import fit, squeeze
from granslos_adapters.emergency.vcards import Contact, read_jcard, read_xcard
from granslos_adapters.emergency.xmlsafe import Element, children, local_name, namespace, parse, text_of

PREFIX = "EmergencyCallData."
_CRASH = "AutomatedCrashNotification"
_REQUIRED = {
    "ProviderInfo": ("DataProviderReference", "DataProviderString", "TypeOfProvider", "ContactURI", "Language"),
    "ServiceInfo": ("DataProviderReference", "ServiceType", "ServiceMobility"),
    "DeviceInfo": ("DataProviderReference",),
    "SubscriberInfo": ("DataProviderReference",),
    "Comment": ("DataProviderReference",),
}
_PLACELESS = frozenset(_REQUIRED)
_URN = "urn:ietf:params:xml:ns:EmergencyCallData"


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A position inside a block, degrees WGS 84."""

    latitude: float
    longitude: float
    usable: bool = True
    suggestion: Suggestion | None = None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One block. ``values`` are (path, text) in document order; attributes have an ``@`` before their name."""

    name: str
    reference: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    contacts: tuple[Contact, ...] = ()
    position: Spot | None = None
    url: str | None = None

    def get(self, path: str) -> str | None:
        """Return the first value with this path."""
        return next((value for name, value in self.values if name == path), None)


def read_additional_data(data: bytes | str, defects: Defects) -> tuple[Block, ...]:
    """Read a document of one or more blocks, an xCard or a jCard; what cannot be understood leaves defects."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n") if isinstance(data, bytes) else data[:64].lstrip("\ufeff \t\r\n")
    if start[:1] in (b"[", "["):
        return _read_jcard_document(data, defects)
    root = parse(data, defects).root
    if root is None:
        return ()
    blocks = read_blocks(root, defects)
    if blocks:
        return tuple(blocks)
    defects.add("unknown_block", local_name(root)[:60])
    block = _read_block(root, local_name(root), defects)
    return (block,) if block.values or block.contacts else ()


def read_blocks(root: Element, defects: Defects) -> list[Block]:
    """Read every block at or below ``root``, not looking for blocks inside blocks."""
    blocks: list[Block] = []
    pending = [root]
    while pending:
        element = pending.pop()
        name = local_name(element)
        if len(blocks) >= BLOCKS_MAX:
            defects.add("too_many_blocks", f"more than {BLOCKS_MAX}")
            break
        if name.startswith(PREFIX) or name == _CRASH:
            kind = "VEDS" if name == _CRASH else name.removeprefix(PREFIX)
            blocks.append(_read_block(element, kind, defects.at(kind)))
        elif name == "vcard":
            contact = read_xcard(element)
            blocks += [Block(name="xCard", contacts=(contact,))] if contact else []
        elif name == "EmergencyCallDataReference":
            blocks.append(_by_reference(element))
        else:
            pending.extend(reversed(list(children(element))))
    return blocks


def _read_block(element: Element, kind: str, defects: Defects) -> Block:
    space = namespace(element)
    if space.startswith(_URN + "."):
        defects.add("namespace_with_dot", space)
    reader = _Flattener()
    reader.walk(element, "")
    if reader.cut:
        defects.add("too_many_values", f"more than {VALUES_MAX}")
    names = {path for path, _ in reader.values} | ({"contact"} if reader.contacts else set())
    for required in _REQUIRED.get(kind, ()):
        if required not in names:
            defects.add("missing_value", required)
    reference = next((value for path, value in reader.values if path == "DataProviderReference"), None)
    return Block(
        name=fit(kind, SHORT_TEXT_CHARACTERS_MAX),
        reference=fit(reference, SHORT_TEXT_CHARACTERS_MAX) if reference else None,
        values=tuple(reader.values),
        contacts=tuple(reader.contacts),
        position=_spot(reader.values, defects) if kind not in _PLACELESS else None,
    )


class _Flattener:
    """Writes a tree as (path, text); vCards become contacts instead."""

    def __init__(self) -> None:
        self.values: list[tuple[str, str]] = []
        self.contacts: list[Contact] = []
        self.cut = False

    def walk(self, element: Element, path: str) -> None:
        if len(self.values) >= VALUES_MAX:
            self.cut = True
            return
        for key, value in element.attrib.items():
            name = str(key).rpartition("}")[2]
            if name not in ("schemaLocation", "id"):
                self._add(f"{path}@{name}" if path else f"@{name}", str(value))
        parts = list(children(element))
        for child in parts:
            name = local_name(child)
            if name == "vcard":
                contact = read_xcard(child)
                self.contacts += [contact] if contact else []
            else:
                self.walk(child, f"{path}/{name}" if path else name)
        if not parts:
            self._add(path, text_of(element))

    def _add(self, path: str, text: str) -> None:
        text = text if "\n" not in text and "  " not in text else squeeze(text)
        if text:
            self.values.append((path, fit(text, LONG_TEXT_CHARACTERS_MAX)))


def _spot(values: list[tuple[str, str]], defects: Defects) -> Spot | None:
    latitude = _degrees(values, "Latitude", defects)
    longitude = _degrees(values, "Longitude", defects)
    if latitude is None or longitude is None:
        return None
    verdict = judge(latitude, longitude)
    if verdict.problem is not None:
        defects.add(verdict.problem, f"{latitude}, {longitude}")
    return Spot(latitude=latitude, longitude=longitude, usable=verdict.usable, suggestion=verdict.suggestion)


def _degrees(values: list[tuple[str, str]], axis: str, defects: Defects) -> float | None:
    """Read NIEM's ``LatitudeDegreeValue`` with its minutes and seconds."""
    found: dict[str, str] = {}
    for path, text in values:
        name = path.rpartition("/")[2]
        if name.startswith(axis):
            found.setdefault(name[len(axis) :], text)
    if "DegreeValue" not in found:
        return None
    parts = [read_number(found.get(unit, "0")) for unit in ("DegreeValue", "MinuteValue", "SecondValue")]
    if any(part is None for part in parts):
        defects.add("bad_coordinates", found["DegreeValue"][:40])
        return None
    degrees, minutes, seconds = (part or 0.0 for part in parts)
    sign = -1.0 if found["DegreeValue"].lstrip().startswith("-") else 1.0
    return degrees + sign * (minutes / 60 + seconds / 3600)


def _by_reference(element: Element) -> Block:
    purpose = (element.get("purpose") or "").removeprefix(PREFIX)
    url = element.get("ref") or text_of(element)
    return Block(name=fit(purpose or "reference", SHORT_TEXT_CHARACTERS_MAX), url=fit(url, SHORT_TEXT_CHARACTERS_MAX))


def _read_jcard_document(data: bytes | str, defects: Defects) -> tuple[Block, ...]:
    try:
        decoded = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        defects.add("bad_jcard", "not JSON")
        return ()
    cards = [decoded] if isinstance(decoded, list) and decoded[:1] == ["vcard"] else decoded
    contacts = [read_jcard(card, defects) for card in cards[:BLOCKS_MAX]] if isinstance(cards, list) else []
    return tuple(Block(name="jCard", contacts=(contact,)) for contact in contacts if contact)
