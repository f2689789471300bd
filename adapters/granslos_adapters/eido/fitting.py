"""Making a handover fit the bus: bulky parts go, in order, until it fits; the raw bytes then lie in the archive."""

import msgspec

from granslos.contract.commands import ReceiveHandover
from granslos.contract.person import decode_hook
from granslos.contract.places import Defect
from granslos_adapters.eido.mapping import NOT_READ
from granslos_adapters.emergency.limits import DEFECTS_MAX
from granslos_adapters.emergency.texts import fit
from granslos_adapters.kit.archive import Archive
from granslos_adapters.kit.bus import encode_payload

DESCRIPTION_CHARACTERS_LEFT = 8_000
"""What is left of a description when even without ``extra`` the handover is too big."""
_decoder = msgspec.json.Decoder(ReceiveHandover, dec_hook=decode_hook)
ESSENTIAL_EXTRA = frozenset({"eido", "priority", "raw", "unreadable"})


def is_valid(handover: ReceiveHandover) -> bool:
    """Return whether a node can read the handover; a mapping that breaks the contract must not cost a call."""
    try:
        _decoder.decode(encode_payload(handover))
    except msgspec.ValidationError:
        return False
    return True


def bare(handover: ReceiveHandover) -> ReceiveHandover:
    """Return the least that makes an operator see the call: its ids, and that it could not be read."""
    return ReceiveHandover(
        source=handover.source, source_id=handover.source_id, description=NOT_READ, raw=handover.raw, test=handover.test
    )


async def fit_to_bus(handover: ReceiveHandover, bytes_max: int, archive: Archive) -> ReceiveHandover:
    """Return the handover, without bulky parts where it would be too big; these parts stay in the archived bytes.

    Args:
        handover: as mapped.
        bytes_max: largest payload of the bus.
        archive: takes the raw bytes; where it cannot, a defect says so and the call goes on.
    """
    raw = handover.raw or b""
    if len(raw) < bytes_max and len(encode_payload(handover)) <= bytes_max:
        return handover
    kept = await archive.keep(raw)
    where = {"sha256": kept, "bytes": len(raw), "archived": kept is not None}
    moved = Defect(code="raw_archived" if kept else "raw_not_kept", text=f"{len(raw)} bytes are too many for the bus")
    smaller = msgspec.structs.replace(
        handover,
        raw=None,
        extra={**handover.extra, "raw": where},
        defects=(*handover.defects[: DEFECTS_MAX - 1], moved),
    )
    if len(encode_payload(smaller)) <= bytes_max:
        return smaller
    essential = {key: value for key, value in smaller.extra.items() if key in ESSENTIAL_EXTRA}
    smaller = msgspec.structs.replace(smaller, extra=essential)
    if len(encode_payload(smaller)) <= bytes_max:
        return smaller
    return msgspec.structs.replace(
        smaller,
        description=fit(smaller.description or "", DESCRIPTION_CHARACTERS_LEFT) or None,
        alternative_locations=smaller.alternative_locations[:5],
        extra={"raw": where},
    )
