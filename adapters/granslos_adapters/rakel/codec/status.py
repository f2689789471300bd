"""Pre-coded status (EN 300 392-2, clause 14.8.34): sixteen bits that are a crew's key, an emergency, or a receipt."""

from typing import Literal

import msgspec

from granslos_adapters.rakel.codec.bits import Bits, DecodeError

EMERGENCY = 0
SHORT_REPORT_FIRST = 0x7C00
SHORT_REPORT_LAST = 0x7FFF
STATUS_BITS = 16

StatusClass = Literal["emergency", "reserved", "sds_tl_short_report", "network_or_user_defined"]
SHORT_REPORT_MEANINGS = (
    "protocol or encoding not supported",
    "destination memory full",
    "message received",
    "message consumed",
)


class Status(msgspec.Struct, frozen=True, tag_field="kind", tag="status", gc=False, rename={"status_class": "class"}):
    """A status value; what it means beyond its class is an organisation's business."""

    value: int
    status_class: StatusClass


class ShortReport(msgspec.Struct, frozen=True, tag_field="kind", tag="sds_short_report", gc=False):
    """A receipt in the form of a status: 011111, type 2 bits, message reference 8 bits (clause 29.4.2.3)."""

    value: int
    report_type: int
    meaning: str
    message_reference: int


def classify(value: int) -> StatusClass:
    """Return the class of a status value between 0 and 65535."""
    if value == EMERGENCY:
        return "emergency"
    if value < SHORT_REPORT_FIRST:
        return "reserved"
    return "sds_tl_short_report" if value <= SHORT_REPORT_LAST else "network_or_user_defined"


def decode_status(bits: Bits) -> Status | ShortReport:
    """Decode sixteen bits.

    Raises:
        DecodeError: fewer bits.
    """
    if bits.length < STATUS_BITS:
        raise DecodeError("truncated", f"{bits.length} bits of {STATUS_BITS}", "status")
    return from_value(bits.value >> (bits.length - STATUS_BITS))


def from_value(value: int) -> Status | ShortReport:
    """Return what a status value is."""
    kind = classify(value)
    if kind == "sds_tl_short_report":
        report_type = value >> 8 & 3
        return ShortReport(value, report_type, SHORT_REPORT_MEANINGS[report_type], value & 0xFF)
    return Status(value, kind)


def encode_status(value: int) -> Bits:
    """Return the sixteen bits of a status."""
    return Bits(value, STATUS_BITS)


def encode_short_report(report_type: int, message_reference: int) -> Bits:
    """Return a receipt as a status: 2 received, 3 consumed."""
    return Bits(SHORT_REPORT_FIRST | report_type << 8 | message_reference, STATUS_BITS)
