"""The components of an EIDO one by one: what of each goes into the handover, and the facts kept beside it."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from granslos_adapters.eido.codec import Eido, Object, Resolver, items, reference, text, texts, updated_at
from granslos_adapters.emergency.additional_data import Block, read_additional_data
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.instants import read_instant
from granslos_adapters.emergency.limits import KEPT_CHARACTERS_MAX, LONG_TEXT_CHARACTERS_MAX, SHORT_TEXT_CHARACTERS_MAX
from granslos_adapters.emergency.locations import Candidate, from_found
from granslos_adapters.emergency.numbers import Number, read_number
from granslos_adapters.emergency.pidflo import Found, read_pidflo
from granslos_adapters.emergency.texts import fit, plain

REMOTENESS = {
    "currentincident": 0,
    "caller": 0,
    "initialincident": 1,
    "routinglocation": 2,
    "towerlocation": 3,
    "investigation": 4,
    "other": 4,
}
"""How near each location type (IANA registry) is to where it happened."""
ELSEWHERE = frozenset({"unitlocation", "staging"})
READ_APART = frozenset(
    ("agencyComponent", "callComponent", "callbackComponent", "notesComponent", "locationComponent", "personComponent")
) | {"additionalDataComponent", "incidentComponent", "agentComponent"}
_NAME_DEPTH_MAX = 6
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What the call components say together."""

    ids: tuple[str, ...] = ()
    number: str | None = None
    answered_at: datetime | None = None
    test: bool = False
    facts: list[Object] = []


class Persons(msgspec.Struct, frozen=True, kw_only=True):
    """What the person components say together."""

    caller_name: str | None = None
    language: str | None = None
    facts: list[Object] = []


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """Notes as plain text, oldest first, and each with its time and author."""

    lines: tuple[str, ...] = ()
    facts: list[Object] = []


class Blocks(msgspec.Struct, frozen=True, kw_only=True):
    """What the additional data say together."""

    comments: tuple[str, ...] = ()
    caller_name: str | None = None
    facts: list[Object] = []


# --- calls and numbers ----------------------------------------------------------------------------------------------


def read_calls(eido: Eido, resolver: Resolver, defects: Defects) -> Calls:
    """Read the call components and the numbers to call back on."""
    ids: list[str] = []
    facts: list[Object] = []
    numbers: list[Number] = []
    answered: list[datetime] = []
    for index, call in enumerate(eido.of("callComponent")):
        where = defects.at(f"callComponent.{index}")
        own = [name for name in (text(call, "$id"), *texts(call, "relatedCallIdentifier")) if name]
        ids += own
        for callback in resolver.all(call, "callBackReference"):
            numbers += callback_numbers(callback)
        answer = text(call, "answerDate")
        moment = read_instant(answer, where, "answerDate") if answer else None
        answered += [moment] if moment else []
        facts.append(_plain_members(call))
    for callback in eido.of("callbackComponent"):  # also those that no call refers to
        numbers += callback_numbers(callback)
    return Calls(
        ids=tuple(dict.fromkeys(ids)),
        number=best_number(numbers),
        answered_at=min(answered, default=None),
        test=any("test" in (text(call, "standardPrimaryCallType") or "").lower() for call in eido.of("callComponent")),
        facts=facts + [{"callback_uris": uris} for uris in _all_uris(eido)],
    )


def callback_numbers(callback: Object) -> list[Number]:
    """Return a callback's numbers: the one a call-taker corrected first, then those of the network."""
    corrected = callback.get("updatedCbn")
    first = [text(item, "updatedCbnIdentifierUri") for item in items(corrected) if isinstance(item, dict)]
    return [read_number(uri) for uri in (*first, *texts(callback, "callBackInformationUri")) if uri]


def best_number(numbers: list[Number]) -> str | None:
    """Return the first number in E.164, else the first that can be read at all, as it came."""
    for kinds in (("e164",), ("local",), ("uri",)):
        for number in numbers:
            if number.kind in kinds:
                return number.best
    return None


def _all_uris(eido: Eido) -> list[list[str]]:
    found = [list(texts(callback, "callBackInformationUri")) for callback in eido.of("callbackComponent")]
    return [uris for uris in found if uris]


# --- persons --------------------------------------------------------------------------------------------------------


def read_persons(eido: Eido, resolver: Resolver) -> Persons:
    """Read roles and names; NIEM's person is searched for a name and kept whole."""
    facts: list[Object] = []
    caller_name = language = None
    for person in eido.of("personComponent"):
        roles = texts(person, "personIncidentRoleRegistryText")
        name = person_name(person.get("ncPersonComponent"))
        if "Caller" in roles:
            caller_name = caller_name or name
        language = language or find_text(person.get("ncPersonComponent"), ("LanguageName", "LanguageCode"))
        fact: Object = {**_plain_members(person), "name": name}
        fact["numbers"] = [
            number.best for callback in resolver.all(person, "callBackReference") for number in callback_numbers(callback)
        ]
        facts.append({key: value for key, value in fact.items() if value})
    return Persons(
        caller_name=caller_name, language=fit(language, SHORT_TEXT_CHARACTERS_MAX) if language else None, facts=facts
    )


def person_name(person: Any) -> str | None:
    """Find a name in a NIEM person: the full name, else given and surname."""
    full = find_text(person, ("PersonFullName",))
    if full:
        return full
    composed = [find_text(person, (name,)) for name in ("PersonGivenName", "PersonMiddleName", "PersonSurName")]
    return " ".join(name for name in composed if name) or None


def find_text(value: Any, names: tuple[str, ...], depth: int = 0) -> str | None:
    """Find a member by its name, whatever its prefix and case, within a few levels."""
    if depth > _NAME_DEPTH_MAX:
        return None
    if isinstance(value, list):
        return next((found for item in value if (found := find_text(item, names, depth + 1))), None)
    if not isinstance(value, dict):
        return None
    wanted = {name.lower() for name in names}
    for key, item in value.items():
        if key.rpartition(":")[2].lower() in wanted:
            found = first_text(item)
            if found:
                return found
    return next((found for item in value.values() if (found := find_text(item, names, depth + 1))), None)


def first_text(value: Any) -> str | None:
    """Return the first text in a NIEM value, which may be a text, a list or an object with one."""
    for item in items(value):
        if isinstance(item, str) and item.strip():
            return item.strip()
        if isinstance(item, dict):
            return next((text_ for inner in item.values() if (text_ := first_text(inner))), None)
    return None


# --- notes and additional data --------------------------------------------------------------------------------------


def read_notes(eido: Eido, resolver: Resolver, defects: Defects) -> Notes:
    """Read the notes as plain text, scripts and markup removed, oldest first."""
    found: list[tuple[datetime, str, Object]] = []
    for index, note in enumerate(eido.of("notesComponent")):
        where = defects.at(f"notesComponent.{index}")
        fragment = text(note, "notesActionComments", "notesActionComment", "notes")
        if fragment is None:
            where.add("note_empty", "no notesActionComments")
            continue
        if "<script" in fragment.lower():
            where.add("script_removed", "the note held a script")
        line = plain(fragment, LONG_TEXT_CHARACTERS_MAX)
        moment = updated_at(note, where)
        author = [text(agent, "$id") for agent in resolver.all(note, "agentReference")]
        by = author[0] if author else reference(note.get("updatedByAgentReference"))
        fact = {"at": moment.isoformat() if moment else None, "by": by, "text": fit(line, KEPT_CHARACTERS_MAX)}
        found.append((moment or _BEGINNING, line, {key: value for key, value in fact.items() if value}))
    found.sort(key=lambda item: item[0])
    return Notes(lines=tuple(line for _, line, _ in found if line), facts=[fact for *_, fact in found])


def read_blocks(eido: Eido, defects: Defects) -> Blocks:
    """Read the additional data by value; references are kept as URLs."""
    comments: list[str] = []
    names: list[str] = []
    facts: list[Object] = []
    for index, component in enumerate(eido.of("additionalDataComponent")):
        where = defects.at(f"additionalDataComponent.{index}")
        url = text(component, "additionalDataByReferenceUrl")
        document = text(component, "additionalDataByValue")
        if url is not None:
            facts.append({"url": url, "purpose": text(component, "urlPurpose")})
        if document is None:
            if url is None:
                where.add("no_value", "neither by value nor by reference")
            continue
        for block in read_additional_data(document, where):
            facts.append(block_facts(block))
            if block.name == "Comment":
                comments += [value for path, value in block.values if path == "Comment"]
            if block.name in ("SubscriberInfo", "NENA-CallerInfo"):
                names += [contact.name for contact in block.contacts if contact.name]
    return Blocks(comments=tuple(comments), caller_name=names[0] if names else None, facts=facts)


def block_facts(block: Block) -> Object:
    """Return a block as plain values for ``extra``."""
    fact: Object = {"block": block.name, "reference": block.reference, "values": [list(pair) for pair in block.values]}
    fact["contacts"] = [msgspec.to_builtins(contact) for contact in block.contacts]
    fact["url"] = block.url
    if block.position is not None:
        fact["position"] = [block.position.latitude, block.position.longitude]
    return {key: value for key, value in fact.items() if value}


# --- locations ------------------------------------------------------------------------------------------------------


def read_locations(eido: Eido, defects: Defects) -> list[Candidate]:
    """Read every location by value; those by reference are kept as URLs in ``location_facts``."""
    candidates: list[Candidate] = []
    for index, component in enumerate(eido.of("locationComponent")):
        where = defects.at(f"locationComponent.{index}")
        document = text(component, "locationByValue")
        if document is None:
            if text(component, "locationByReferenceUrl") is None:
                where.add("no_value", "neither by value nor by reference")
            continue
        kind = text(component, "locationTypeDescriptionRegistryText") or "unknown"
        moment = updated_at(component, where)
        for found in read_pidflo(document, where).locations:
            timed = found if found.observed_at is not None else _at(found, moment)
            candidates += from_found(timed, f"EIDO {kind}", REMOTENESS.get(kind.lower(), 2), kind.lower() in ELSEWHERE)
    return candidates


def _at(found: Found, moment: datetime | None) -> Found:
    return msgspec.structs.replace(found, observed_at=moment)


def location_facts(eido: Eido) -> list[Object]:
    """Return what location components hold besides a document: type, URL, cross streets, tower, references."""
    facts = []
    for component in eido.of("locationComponent"):
        fact = _plain_members(component)
        fact.pop("locationByValue", None)
        facts.append(fact)
    return facts


# --- the rest -------------------------------------------------------------------------------------------------------


def incident_facts(eido: Eido) -> Object:
    """Return the incident component's own members."""
    return _plain_members(eido.incident)


def agency_facts(eido: Eido) -> list[Object]:
    """Return the agencies with their roles, and who of them owns the incident."""
    return [_plain_members(agency) for agency in eido.of("agencyComponent")]


def remaining_components(eido: Eido) -> Object:
    """Return the components of kinds that have no field of their own, as they came."""
    return {kind: list(found) for kind, found in eido.components.items() if kind not in READ_APART and found}


def _plain_members(component: Object) -> Object:
    """Return a component's members: texts bounded, references by id, anything else as it came."""
    kept: Object = {}
    for name, value in component.items():
        values = [reference(item) if isinstance(item, dict) else item for item in items(value)]
        flat = [fit(item, KEPT_CHARACTERS_MAX) if isinstance(item, str) else item for item in values if item is not None]
        if flat and all(isinstance(item, (str, int, float, bool)) for item in flat):
            kept[name] = flat if isinstance(value, list) else flat[0]
        elif value is not None:
            kept[name] = value
    return kept
