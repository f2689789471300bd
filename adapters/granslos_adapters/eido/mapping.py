"""What an EIDO means: one fragment of a handover. All of it is kept, in fields, in ``extra`` or in the raw bytes."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from granslos.contract.commands import ReceiveHandover
from granslos.contract.person import PersonName, PhoneNumber
from granslos.contract.places import Caller
from granslos_adapters.eido import parts
from granslos_adapters.eido.codec import Eido, Object, Reading, Resolver, incident_parts, text, texts
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import (
    CALL_IDS_MAX,
    LONG_TEXT_CHARACTERS_MAX,
    PERSONAL_CHARACTERS_MAX,
    SHORT_TEXT_CHARACTERS_MAX,
    SOURCE_CHARACTERS_MAX,
)
from granslos_adapters.emergency.locations import choose
from granslos_adapters.emergency.numbers import read_number
from granslos_adapters.emergency.texts import fit
from granslos_adapters.emergency.values import clean

MEDIA_TYPE = "application/emergency.eido+json"
UNTIED = "0"
"""Unique part of the id of an EIDO that belongs to no incident (STA-021 2.2)."""
UNKNOWN_SOURCE = "eido"
NOT_READ = "Överlämningen kunde inte läsas. / The handover could not be read."
SCALE = frozenset({"1A", "1B", "2A", "2B", "3", "4", "H"})
COMMON_PRIORITY_MAX = 10


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes and media type as received."""

    raw: bytes
    media_type: str = MEDIA_TYPE


def to_handover(eido: Eido, origin: Origin, defects: Defects, priorities: Sequence[str]) -> ReceiveHandover:
    """Return the fragment that an EIDO is; ``priorities`` proposes one for each common number 0 to 10."""
    resolver = Resolver(eido, defects)
    source = source_of(eido)
    calls = parts.read_calls(eido, resolver, defects)
    persons = parts.read_persons(eido, resolver)
    notes = parts.read_notes(eido, resolver, defects)
    blocks = parts.read_blocks(eido, defects)
    location, alternatives = choose(parts.read_locations(eido, defects), eido.updated_at)
    priority, priority_facts = _priority(eido.incident, defects, priorities)
    extra: Object = {
        "eido": {
            "id": eido.id,
            "version": eido.version,
            "issued_by": eido.issued_by,
            "updated_by": eido.updated_by,
            "incident": parts.incident_facts(eido),
        },
        "priority": priority_facts,
        "calls": calls.facts,
        "persons": persons.facts,
        "agencies": parts.agency_facts(eido),
        "notes": notes.facts,
        "locations": parts.location_facts(eido),
        "additional_data": blocks.facts,
        "components": parts.remaining_components(eido),
        "opaque": eido.opaque,
    }
    return ReceiveHandover(
        source=source,
        source_id=source_id_of(eido, calls.ids, origin.raw, defects),
        sent_at=eido.updated_at,
        answered_112_at=calls.answered_at,
        caller=_caller(calls.number, persons.caller_name or blocks.caller_name),
        location=location,
        alternative_locations=alternatives,
        description=_description(eido, notes.lines + blocks.comments),
        priority=priority,
        category=_category(eido.incident),
        language=persons.language,
        call_ids=_call_ids(calls.ids, defects),
        extra=clean({key: value for key, value in extra.items() if value}),
        raw=origin.raw,
        raw_media_type=fit(origin.media_type, SHORT_TEXT_CHARACTERS_MAX),
        test=calls.test,
        defects=defects.all(),
    )


def unreadable(reading: Reading, sender: str, origin: Origin, defects: Defects) -> ReceiveHandover:
    """Return a fragment that shows an operator that a handover could not be read, and what could be saved of it.

    Args:
        reading: what the codec made of the bytes.
        sender: name of the authenticated sender, in place of an issuing element.
        origin: bytes as received.
        defects: why.
    """
    scraps = reading.scraps
    digest = hashlib.sha256(origin.raw).hexdigest()
    saved = _partial(reading.partial, origin, defects)
    call_ids = scraps.call_ids or saved.call_ids
    named = scraps.incident_id or (call_ids[0] if call_ids else None)
    return msgspec.structs.replace(
        saved,
        source=fit(scraps.issued_by or sender or UNKNOWN_SOURCE, SOURCE_CHARACTERS_MAX),
        source_id=fit(named or f"unreadable:{digest[:32]}", SOURCE_CHARACTERS_MAX),
        caller=saved.caller or _caller(parts.best_number([read_number(uri) for uri in scraps.numbers]), None),
        description=fit("\n".join(filter(None, (NOT_READ, saved.description))), LONG_TEXT_CHARACTERS_MAX),
        call_ids=call_ids,
        extra={**saved.extra, "unreadable": {"problem": reading.problem, "sha256": digest, "bytes": len(origin.raw)}},
        raw=origin.raw,
        raw_media_type=fit(origin.media_type, SHORT_TEXT_CHARACTERS_MAX),
        defects=defects.all(),
    )


def _partial(partial: Eido | None, origin: Origin, defects: Defects) -> ReceiveHandover:
    if partial is None:
        return ReceiveHandover(source=UNKNOWN_SOURCE, source_id=UNKNOWN_SOURCE)
    return to_handover(partial, origin, defects, ("",) * (COMMON_PRIORITY_MAX + 1))


def command_id_of(handover: ReceiveHandover, updated_at: datetime | None, raw: bytes) -> str:
    """Return the id under which a resend of the same bytes is the same command, at any site."""
    stamp = updated_at.isoformat() if updated_at is not None else ""
    parts_ = (handover.source, handover.source_id, stamp, hashlib.sha256(raw).hexdigest())
    return "eido-" + hashlib.sha256("\n".join(parts_).encode()).hexdigest()[:40]


def source_of(eido: Eido) -> str:
    """Return who vouches for the case: the issuing element, else the updating or owning agency, else the domain."""
    owners = (text(agency, "$id") for agency in eido.of("agencyComponent") if agency.get("incidentOwningAgencyIndicator"))
    urn = incident_parts(eido.id)
    candidates = (eido.issued_by, eido.updated_by, next(owners, None), urn[1] if urn else None)
    return fit(next((name for name in candidates if name), UNKNOWN_SOURCE), SOURCE_CHARACTERS_MAX)


def source_id_of(eido: Eido, call_ids: Sequence[str], raw: bytes, defects: Defects) -> str:
    """Return the sender's id of the case: the ``$id`` verbatim, save where that would join strangers.

    An EIDO tied to no incident has the same id as every other such one: then the first call's id stands for the case,
    else the bytes themselves. An id longer than the contract allows keeps its beginning and gets a hash.
    """
    urn = incident_parts(eido.id)
    if urn is not None and urn[0].strip(UNTIED) == "":
        defects.add("no_incident", "tied to no incident; the call's id stands for the case", "$id")
        return _bounded(call_ids[0] if call_ids else f"{eido.id}:{hashlib.sha256(raw).hexdigest()[:32]}")
    return _bounded(eido.id)


def _bounded(identifier: str) -> str:
    fitted = fit(identifier, SOURCE_CHARACTERS_MAX)
    if fitted == identifier:
        return identifier
    return f"{fitted[:190]}#{hashlib.sha256(identifier.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _caller(number: str | None, name: str | None) -> Caller | None:
    if not number and not name:
        return None
    return Caller(
        number=PhoneNumber(fit(number, PERSONAL_CHARACTERS_MAX)) if number else None,
        name=PersonName(fit(name, PERSONAL_CHARACTERS_MAX)) if name else None,
    )


def _call_ids(ids: Sequence[str], defects: Defects) -> tuple[str, ...]:
    good = tuple(dict.fromkeys(name for name in ids if fit(name, SOURCE_CHARACTERS_MAX) == name))
    if len(good) < len(set(ids)) or len(good) > CALL_IDS_MAX:
        defects.add("call_ids_dropped", "too long or too many; they stay in the raw bytes", "callComponent")
    return good[:CALL_IDS_MAX]


def _category(incident: Object) -> str | None:
    common = text(incident, "incidentTypeCommonRegistryText")
    internal = text(incident, "incidentTypeInternalText", "incidentTypeInternalCode")
    named = [name for name in (common, internal) if name]
    return fit(" / ".join(dict.fromkeys(named)), SHORT_TEXT_CHARACTERS_MAX) or None


def _priority(incident: Object, defects: Defects, proposals: Sequence[str]) -> tuple[str | None, Object]:
    """Return a priority of our scale and what it was made from: the sender's code, else the proposal for its number."""
    internal = text(incident, "incidentPriorityInternalText")
    number = incident.get("incidentCommonPriorityNumber")
    facts: Object = {}
    if internal is not None:
        facts["internal_text"] = fit(internal, SHORT_TEXT_CHARACTERS_MAX)
    if number is not None:
        facts["common_number"] = number
    written = (internal or "").upper().removeprefix("PRIO").strip(" :.")
    if written in SCALE:
        return written, facts | {"proposal": written}
    if isinstance(number, str) and number.strip().isascii() and number.strip().isdigit():
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= COMMON_PRIORITY_MAX:
        return proposals[number] or None, facts | {"proposal": proposals[number]}
    if number is not None:
        defects.add("bad_value", f"incidentCommonPriorityNumber {number}"[:60], "incidentComponent")
    return None, facts


def _description(eido: Eido, lines: Sequence[str]) -> str | None:
    status = ", ".join(texts(eido.incident, "incidentStatusCommonRegistryText"))
    places = [text(item, "locationDescriptionText") for item in eido.of("locationComponent")]
    whole = [f"[{status}]" if status else "", *(place for place in places if place), *lines]
    return fit("\n".join(dict.fromkeys(line for line in whole if line)), LONG_TEXT_CHARACTERS_MAX) or None
