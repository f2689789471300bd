"""Tables of the short data service (EN 300 392-2, clause 29): protocols, delivery status, validity period."""

from typing import Literal

SIMPLE_TEXT = 0x02
SIMPLE_LOCATION = 0x03
SIMPLE_IMMEDIATE_TEXT = 0x09
LOCATION = 0x0A
SIMPLE_CONCATENATED = 0x0C
TEXT = 0x82
LOCATION_SYSTEM = 0x83
IMMEDIATE_TEXT = 0x89
TEXT_WITH_HEADER = 0x8A
CONCATENATED = 0x8C
SDS_TL_FIRST = 0x80
"""Protocol identifiers from here on carry an SDS-TL header."""

PROTOCOLS: dict[int, str] = {
    0x01: "otak",
    SIMPLE_TEXT: "simple_text",
    SIMPLE_LOCATION: "simple_location",
    0x04: "wdp",
    0x05: "wcmp",
    0x06: "managed_dmo",
    0x07: "pin_authentication",
    0x08: "end_to_end_encrypted",
    SIMPLE_IMMEDIATE_TEXT: "simple_immediate_text",
    LOCATION: "location_information",
    0x0B: "net_assist",
    SIMPLE_CONCATENATED: "concatenated",
    0x0D: "dotam",
    0x0E: "agnss",
    TEXT: "text",
    LOCATION_SYSTEM: "location_system",
    0x84: "wdp",
    0x85: "wcmp",
    0x86: "managed_dmo",
    0x88: "end_to_end_encrypted",
    IMMEDIATE_TEXT: "immediate_text",
    TEXT_WITH_HEADER: "text_with_user_data_header",
    CONCATENATED: "concatenated",
    0x8D: "agnss",
    0xC3: "callout",
}

DeliveryClass = Literal["delivered", "later", "failed", "flow_control", "end_to_end", "unknown"]

DELIVERY: dict[int, str] = {
    0x00: "received by destination",
    0x01: "receipt acknowledged",
    0x02: "consumed by destination",
    0x03: "consumption acknowledged",
    0x04: "forwarded to external network",
    0x05: "sent to group, no receipts",
    0x06: "part received",
    0x20: "congestion, stored",
    0x21: "stored",
    0x22: "destination not reachable, stored",
    0x40: "network overload",
    0x41: "service permanently not available",
    0x42: "service temporarily not available",
    0x43: "source not authorised",
    0x44: "destination not authorised",
    0x45: "unknown destination",
    0x46: "unknown forward address",
    0x47: "group address with individual service",
    0x48: "validity expired, not received",
    0x49: "validity expired, not consumed",
    0x4A: "delivery failed",
    0x4B: "destination not registered",
    0x4C: "destination queue full",
    0x4D: "message too long",
    0x4E: "destination does not support SDS-TL",
    0x4F: "destination host not connected",
    0x50: "protocol not supported",
    0x51: "coding not supported",
    0x52: "destination memory full, discarded",
    0x53: "destination not accepting SDS",
    0x54: "concatenated message too long",
    0x56: "destination prohibited",
    0x57: "cannot route to external network",
    0x58: "unknown external number",
    0x59: "negative acknowledgement",
    0x5A: "destination not reachable",
    0x5B: "text distribution error",
    0x5C: "corrupt information element",
    0x5D: "not all parts received",
    0x5E: "destination busy",
    0x5F: "destination busy",
    0x60: "destination memory full",
    0x61: "destination memory available",
    0x62: "start pending messages",
    0x63: "no pending messages",
    0x80: "stop sending",
    0x81: "start sending",
}
DELIVERY_RECEIVED = 0x00
DELIVERY_CONSUMED = 0x02
_CLASSES: tuple[DeliveryClass, ...] = ("delivered", "later", "failed", "flow_control", "end_to_end")

VALIDITY_UNLIMITED = 31
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
VALIDITY_SECONDS: tuple[int, ...] = (
    0,
    *(10 * n for n in range(1, 7)),
    *(_MINUTE * n for n in range(2, 6)),
    *(10 * _MINUTE * n for n in range(1, 7)),
    *(_HOUR * n for n in range(2, 7)),
    *(6 * _HOUR * n for n in range(2, 5)),
    *(2 * _DAY * n for n in range(1, 7)),
)
"""Seconds by validity code 0 to 30 (table 29.25)."""


def delivery_class(status: int) -> DeliveryClass:
    """Return the class of a delivery status from its top three bits, also for values nobody has defined yet."""
    group = status >> 5
    return _CLASSES[group] if group < len(_CLASSES) else "unknown"


def decode_validity(code: int) -> int | None:
    """Return seconds of a validity code; None for 31, unlimited."""
    assert 0 <= code <= VALIDITY_UNLIMITED, "five bits"
    return None if code == VALIDITY_UNLIMITED else VALIDITY_SECONDS[code]


def encode_validity(seconds: float | None) -> int:
    """Return the code of the shortest period that is not shorter than ``seconds``; None is unlimited."""
    if seconds is None:
        return VALIDITY_UNLIMITED
    return next((code for code, period in enumerate(VALIDITY_SECONDS) if period >= seconds), VALIDITY_UNLIMITED)
