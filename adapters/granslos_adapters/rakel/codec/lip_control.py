"""Location PDUs with extension other than the long report (TS 100 392-18-1, clause 6.2): requests and responses.

They are classified always and taken apart as far as their length allows; nothing here raises, because the platform acts
on none of them and a new extension must not look like a broken radio.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from granslos_adapters.rakel.codec.bits import Bits, DecodeError, Reader
from granslos_adapters.rakel.codec.lip_elements import Element, decode_elements
from granslos_adapters.rakel.codec.lip_tables import EXTENSIONS, REPORT_TYPES, RESULTS

Fields = dict[str, Any]


class LocationControl(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request or a response about reporting. ``pdu`` names it, e.g. ``immediate_location_report_request``."""

    pdu: str
    extension_code: int
    request_response_flag: int | None = None
    acknowledgement_requested: bool | None = None
    report_type_code: int | None = None
    report_type: str | None = None
    result_code: int | None = None
    result: str | None = None
    enable_flags: int | None = None
    minimum_interval_code: int | None = None
    validity_code: int | None = None
    type5_elements: tuple[Element, ...] = ()
    undecoded_hex: str = ""


def decode_control(extension: int, body: Bits) -> LocationControl:
    """Classify and take apart a PDU with ``extension``; ``body`` follows the extension field."""
    reader = Reader(body)
    base = EXTENSIONS.get(extension)
    if base is None:
        return LocationControl(pdu="reserved", extension_code=extension, undecoded_hex=body.hex())
    if extension == 4:
        return _acknowledgement(base, reader)
    if not reader.left:
        return LocationControl(pdu=base, extension_code=extension)
    flag = reader.take(1)
    fields: Fields = {}
    parts = _RESPONSES.get(extension, _RESULT) if flag else _REQUESTS.get(extension, ())
    mark = reader.peek_rest()
    try:
        for part in parts:
            mark = reader.peek_rest()
            part(reader, fields)
    except DecodeError:
        return LocationControl(
            pdu=_name(base, flag),
            extension_code=extension,
            request_response_flag=flag,
            undecoded_hex=mark.hex(),
            **fields,
        )
    elements, rest = decode_elements(reader)
    return LocationControl(
        pdu=_name(base, flag),
        extension_code=extension,
        request_response_flag=flag,
        type5_elements=elements,
        undecoded_hex=rest.hex() if rest.value else "",
        **fields,
    )


def _name(base: str, flag: int) -> str:
    return f"{base}_{'response' if flag else 'request'}"


def _acknowledgement(base: str, reader: Reader) -> LocationControl:
    fields: Fields = {}
    if reader.left >= 8:
        _result(reader, fields)
    elements, rest = decode_elements(reader)
    return LocationControl(
        pdu=base, extension_code=4, type5_elements=elements, undecoded_hex=rest.hex() if rest.value else "", **fields
    )


def _report_type(reader: Reader, fields: Fields) -> None:
    code = reader.take(2, "report type")
    fields.update(report_type_code=code, report_type=REPORT_TYPES[code])


def _acknowledge(reader: Reader, fields: Fields) -> None:
    fields["acknowledgement_requested"] = bool(reader.take(1, "acknowledgement request"))


def _result(reader: Reader, fields: Fields) -> None:
    code = reader.take(8, "result code")
    fields.update(result_code=code, result=RESULTS.get(code, "unknown"))


def _flags(reader: Reader, fields: Fields) -> None:
    fields["enable_flags"] = reader.take(8, "enable flags")


def _interval(reader: Reader, fields: Fields) -> None:
    fields["minimum_interval_code"] = reader.take(7, "minimum reporting interval")


def _validity(reader: Reader, fields: Fields) -> None:
    fields["validity_code"] = reader.take(4, "temporary control validity")


Part = Callable[[Reader, Fields], None]
_RESULT: tuple[Part, ...] = (_result,)
_REQUESTS: dict[int, tuple[Part, ...]] = {
    1: (_report_type,),
    5: (_acknowledge, _interval, _report_type),
    6: (_acknowledge, _report_type),
    7: (_acknowledge,),
    10: (_acknowledge, _flags),
    11: (_acknowledge, _validity),
}
_RESPONSES: dict[int, tuple[Part, ...]] = {
    5: (_result, _flags, _interval, _report_type),
    6: (_result, _report_type),
    8: (_result, _flags, _report_type),
    9: (_result, _flags, _interval, _report_type),
    10: (_flags,),
}
