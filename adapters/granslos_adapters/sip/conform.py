"""What a SIP message means, for ``granslos conform sip``; see ``granslos_adapters.emergency.conform``."""

from collections.abc import Iterator
from typing import Any

from granslos_adapters.emergency import conform as shared
from granslos_adapters.emergency.conform import BYTES_MAX, result, vectors
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.sip.codec import SipMessage, read_sip

KINDS = ("sip",)
Object = dict[str, Any]


def conform(kind: str, data: bytes) -> list[Object]:
    """Return one object for each message in the data; at least one."""
    assert kind in KINDS
    found = []
    for message in _messages(data[:BYTES_MAX]):
        defects = Defects()
        read = read_sip(message, defects)
        kept = read.kept if read is not None else ()
        found.append(result(_understood(read) if read is not None else {}, kept, defects.all(), message))
    return found


def _messages(data: bytes) -> Iterator[bytes]:
    listed = vectors(data, "raw")
    if listed is None:
        yield data
        return
    for item in listed:
        yield item["raw"].encode("latin-1", "replace") if item.get("encoding") == "latin-1" else item["raw"].encode()


def _understood(read: SipMessage) -> Object:
    documents = [shared.pidf(document) for document in read.locations]
    placed = [document["position"] for document in documents if document["position"]]
    return {
        "start": read.head.start,
        "method": read.head.method,
        "status": read.head.status,
        "request_uri": read.head.request_uri,
        "call_id": read.call_id,
        "emergency_call_id": read.ids.calls[0] if read.ids.calls else None,
        "incident_id": read.ids.incidents[0] if read.ids.incidents else None,
        "call_ids": list(read.ids.calls),
        "incident_ids": list(read.ids.incidents),
        "number": read.number,
        "service": read.service,
        "test": read.test or None,
        "is_focus": read.is_focus or None,
        "contact": read.contact,
        "refer_to": read.refer_to,
        "call_info": [{"uri": one.uri, "purpose": one.purpose} for one in read.references],
        "call_info_purposes": [one.purpose for one in read.references if one.purpose],
        "eido_urls": list(read.eido_urls),
        "geolocation": list(read.geolocations),
        "geolocation_routing": read.geolocation_routing,
        "resource_priority": read.resource_priority,
        "content_type": read.content_type,
        "body_bytes": read.body_bytes,
        "part_content_types": [part.content_type for part in read.parts],
        "sdp_present": read.has_sdp,
        "position": placed[0] if placed else None,
        "locations": [one for document in documents for one in document["locations"]],
        "blocks": [shared.block(one) for one in read.blocks],
        "msd": shared.msd(read.msd) if read.msd is not None else None,
    }
