"""EIDO JSON (NENA-STA-021, 1.0 and draft 1.1), read tolerantly: format only, meaning is in ``mapping``.

An EIDO is the state of one incident as its sender knows it: flat lists of components that refer to each other by
``{"$ref": "<$id in the same document>"}``. Whatever is not known here is kept as it came.
"""

import json
import re
from datetime import datetime
from typing import Any

import msgspec

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.instants import read_instant
from granslos_adapters.emergency.limits import CALL_IDS_MAX, SOURCE_CHARACTERS_MAX
from granslos_adapters.emergency.texts import words

Object = dict[str, Any]

COMPONENTS = words(
    "agencyComponent agentComponent mergeComponent linkComponent incidentComponent callComponent callbackComponent "
    "dispatchComponent notesComponent emergencyResourceComponent alarmsSensorsComponent additionalDataComponent "
    "locationComponent personComponent vehicleComponent cautionComponent mediaComponent "
    "sharedCommunicationResourceComponent externalInformationSourceComponent"
)
"""Members of an EIDO that hold components (STA-021 2.4 to 2.20, and those of draft 1.1)."""
_SPELLINGS = {name.lower(): name for name in COMPONENTS} | {"alarmssensorcomponent": "alarmsSensorsComponent"}
_PROLOGUE = words(
    "$id lastUpdateTimeStamp lastUpdateTimestamp updatedByAgencyReference updatedByAgentReference eidoVersion "
    "issuingElementIdentification eidoExtensionId @context"
)
SALVAGE_BYTES_MAX = 1 << 20
"""Beginning of an unreadable message that is searched for ids."""
COMPONENTS_MAX = 1_000
"""Components of one kind that are read; all of them stay in the raw bytes."""
_INCIDENT = re.compile(r"^urn:(?:emergency|nena):uid:incidentid:([A-Za-z0-9]{1,64}):(\S+)$")
_ANY_INCIDENT = re.compile(r"urn:(?:emergency|nena):uid:incidentid:[A-Za-z0-9]+:[A-Za-z0-9.@_-]+")
_ANY_CALL = re.compile(r"urn:(?:emergency|nena):uid:callid:[A-Za-z0-9]+:[A-Za-z0-9.@_-]+")
_ANY_ISSUER = re.compile(r"\"issuingElementIdentification\"\s*:\s*\"([^\"]{1,200})\"")
_ANY_NUMBER = re.compile(r"\"((?:tel|sip):[^\"]{3,100})\"")


class Eido(msgspec.Struct, frozen=True, kw_only=True):
    """One EIDO. ``components`` by their member's name; ``opaque`` has the members that are not known here."""

    id: str
    version: str | None = None
    issued_by: str | None = None
    updated_at: datetime | None = None
    updated_by: str | None = None
    components: dict[str, tuple[Object, ...]] = {}
    opaque: Object = {}

    def of(self, name: str) -> tuple[Object, ...]:
        """Return the components of one kind."""
        return self.components.get(name, ())

    @property
    def incident(self) -> Object:
        """The incident component, or an empty one."""
        found = self.of("incidentComponent")
        return found[0] if found else {}


class Scraps(msgspec.Struct, frozen=True, kw_only=True):
    """What could be picked out of bytes that are no EIDO."""

    issued_by: str | None = None
    incident_id: str | None = None
    call_ids: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome: EIDOs, or the reason why there are none (a problem's code) with what could be saved.

    ``partial`` is an EIDO without an ``$id``: not valid, but readable.
    """

    eidos: tuple[Eido, ...] = ()
    partial: Eido | None = None
    problem: str | None = None
    scraps: Scraps = Scraps()


def read_eidos(data: bytes, defects: Defects) -> Reading:
    """Read one EIDO, a list of them, or those in a notification of NENA-STA-024; never raises."""
    document = _decode(data, defects)
    if document is None:
        return Reading(problem="not_json", scraps=salvage(data))
    eidos = [read_eido(body, defects) for body in _unwrap(document)]
    found = tuple(eido for eido in eidos if eido.id)
    if len(found) < len(eidos) or not eidos:
        defects.add("no_id", "an object without an $id")
    if not found:
        return Reading(problem="no_id", partial=eidos[0] if eidos else None, scraps=salvage(data))
    return Reading(eidos=found)


def read_eido(document: Object, defects: Defects) -> Eido:
    """Read one decoded EIDO; its id is empty when it has no usable ``$id``."""
    identifier = text(document, "$id") or ""
    if identifier and _INCIDENT.match(identifier) is None:
        defects.add("unusual_id", "not an incident's URN", "$id")
    components, opaque = _sort(document, defects)
    version = text(document, "eidoVersion")
    if version is None or not version.startswith("1."):
        defects.add("unknown_version", f"eidoVersion {version}"[:60])
    return Eido(
        id=identifier,
        version=version,
        issued_by=text(document, "issuingElementIdentification"),
        updated_at=updated_at(document, defects),
        updated_by=reference(document.get("updatedByAgencyReference")),
        components=components,
        opaque=opaque,
    )


def incident_parts(identifier: str) -> tuple[str, str] | None:
    """Return an incident URN's unique part and its domain, or None when it is no such URN."""
    match = _INCIDENT.match(identifier)
    return (match[1], match[2]) if match else None


def text(component: Object, *names: str) -> str | None:
    """Return the first of these members that holds a text or a number, as stripped text; None when none does."""
    for name in names:
        value = component.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
    return None


def texts(component: Object, name: str) -> tuple[str, ...]:
    """Return a member's texts, whether it is a list or one text."""
    return tuple(item.strip() for item in items(component.get(name)) if isinstance(item, str) and item.strip())


def items(value: Any) -> list[Any]:
    """Return a value as a list: lists as they are, nothing for null, else a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def reference(value: Any) -> str | None:
    """Return the id in ``{"$ref": id}``, also where a sender wrote only the id."""
    if isinstance(value, dict):
        value = value.get("$ref", value.get("$id"))
    return value.strip() if isinstance(value, str) and value.strip() else None


def updated_at(component: Object, defects: Defects) -> datetime | None:
    """Return a component's time of update, in either spelling; None with a defect when there is none."""
    stamp = text(component, "lastUpdateTimeStamp", "lastUpdateTimestamp")
    if stamp is None:
        defects.add("no_update_time", "lastUpdateTimeStamp is missing")
        return None
    return read_instant(stamp, defects, "lastUpdateTimeStamp")


class Resolver:
    """Finds components by reference within one EIDO; what points nowhere costs a defect and is dropped."""

    def __init__(self, eido: Eido, defects: Defects) -> None:
        self._defects = defects
        self._by_id: dict[str, Object] = {}
        for kind, components in eido.components.items():
            for component in components:
                identifier = text(component, "$id")
                if identifier is None:
                    defects.add("component_without_id", "", kind)
                elif identifier in self._by_id and self._by_id[identifier] != component:
                    defects.add("id_twice", "two components with one $id", kind)
                else:
                    self._by_id[identifier] = component

    def all(self, component: Object, name: str) -> list[Object]:
        """Return the components that a member refers to, in order."""
        found = []
        for item in items(component.get(name)):
            identifier = reference(item)
            target = self._by_id.get(identifier) if identifier is not None else None
            if target is None:
                self._defects.add("unresolved_reference", "points to nothing in this document", name)
            else:
                found.append(target)
        return found


def salvage(data: bytes) -> Scraps:
    """Pick ids and a number out of bytes that cannot be read otherwise."""
    loose = data[:SALVAGE_BYTES_MAX].decode("utf-8", "replace").replace("\x00", "")
    incident = _ANY_INCIDENT.search(loose)
    calls = dict.fromkeys(match[0][:SOURCE_CHARACTERS_MAX] for match in _ANY_CALL.finditer(loose))
    numbers = dict.fromkeys(match[1] for match in _ANY_NUMBER.finditer(loose))
    issuer = _ANY_ISSUER.search(loose)
    return Scraps(
        issued_by=issuer[1] if issuer else None,
        incident_id=incident[0][:SOURCE_CHARACTERS_MAX] if incident else None,
        call_ids=tuple(calls)[:CALL_IDS_MAX],
        numbers=tuple(numbers)[:CALL_IDS_MAX],
    )


def _decode(data: bytes, defects: Defects) -> Any:
    try:
        return msgspec.json.decode(data) or {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    loose = _to_text(data, defects)
    try:
        document, end = json.JSONDecoder(strict=False).raw_decode(loose)
    except (ValueError, RecursionError):
        defects.add("not_json", "the body is not JSON")
        return None
    if loose[end:].strip("\x00 \r\n\t"):
        defects.add("text_after_json", f"{len(loose) - end} characters")
    elif len(defects) == 0:
        defects.add("loose_json", "control characters or values that JSON does not have")
    return document


def _to_text(data: bytes, defects: Defects) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            defects.add("byte_order_mark", encoding)
            return data.decode(encoding, "replace").lstrip("\ufeff \r\n\t")
    try:
        return data.decode().lstrip()
    except UnicodeDecodeError:
        defects.add("not_utf_8", "read as Windows-1252")
        return data.decode("cp1252", "replace").lstrip()


def _unwrap(document: Any) -> list[Object]:
    if isinstance(document, dict) and "$id" not in document:
        event = document.get("event")
        if isinstance(event, dict):
            document = event.get("notification")
        elif isinstance(document.get("eido"), dict):
            document = document["eido"]
    return [item for item in items(document) if isinstance(item, dict)]


def _sort(document: Object, defects: Defects) -> tuple[dict[str, tuple[Object, ...]], Object]:
    components: dict[str, tuple[Object, ...]] = {}
    opaque: Object = {}
    for member, value in document.items():
        kind = member if member in COMPONENTS else _SPELLINGS.get(member.lower())
        if kind is not None:
            found = [item for item in items(value) if isinstance(item, dict)]
            if len(found) < len(items(value)):
                defects.add("not_a_component", "a component is an object", kind)
            if len(found) > COMPONENTS_MAX:
                defects.add("too_many_components", f"{len(found)}", kind)
            components[kind] = components.get(kind, ()) + tuple(found[:COMPONENTS_MAX])
        elif member not in _PROLOGUE:
            opaque[member] = value
    return components, opaque
