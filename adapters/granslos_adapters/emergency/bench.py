"""Messages a second that each reader takes on one core: ``python -m granslos_adapters.emergency.bench``.

Rates are of processor time, so that other work on the machine does not count. The messages are of this repository's own
making: a PIDF-LO with a circle and an address, an AML SMS, an MSD, an INVITE with three parts, and a whole EIDO with its
mapping to a handover.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.msd import read_msd
from granslos_adapters.emergency.pidflo import read_pidflo

ROUND_SECONDS = 0.2
ROUNDS = 5


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Messages a second: the median of the rounds, the worst one, and the least that is asked for."""

    kind: str
    median_per_second: float
    worst_per_second: float
    goal_per_second: float


PIDF = b"""<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf"
 xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:gml="http://www.opengis.net/gml" xmlns:gs="http://www.opengis.net/pidflo/1.0"
 xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"><dm:device id="d"><gp:geopriv><gp:location-info>
<gs:Circle srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>59.61340 16.54470</gml:pos>
<gs:radius uom="urn:ogc:def:uom:EPSG::9001">25</gs:radius></gs:Circle><ca:civicAddress><ca:A3>V\xc3\xa4ster\xc3\xa5s</ca:A3>
<ca:RD>Storgatan</ca:RD><ca:HNO>1</ca:HNO></ca:civicAddress></gp:location-info><gp:method>GPS</gp:method></gp:geopriv>
<dm:timestamp>2026-01-15T10:11:12Z</dm:timestamp></dm:device></presence>"""
MSD = bytes.fromhex("02241c0e81f70151d14500168200108310504b4b45ea0466554b841c669ec16bed0540b00010")
SMS = (
    'A"ML=1;lt=+59.61340;lg=+16.54470;rd=25;top=20260115101112;lc=68;pm=G;si=240011234567890;ei=356708041746734;'
    "mcc=240;mnc=01;ml=128"
)
COMMENT = (
    '<EmergencyCallData.Comment xmlns="urn:ietf:params:xml:ns:EmergencyCallData:Comment"><DataProviderReference>r@a'
    "</DataProviderReference><Comment>Ring inte tillbaka</Comment></EmergencyCallData.Comment>"
)
INVITE = (
    b"INVITE urn:service:sos SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1\r\nFrom: <sip:+46701740605@sos.example>;tag=1\r\n"
    b"To: <urn:service:sos>\r\nCall-ID: a@192.0.2.1\r\nCSeq: 1 INVITE\r\n"
    b"Call-Info: <urn:emergency:uid:callid:abcdef1234:sos.example>;purpose=emergency-CallId\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
    b"--b\r\nContent-Type: application/pidf+xml\r\n\r\n" + PIDF + b"\r\n--b\r\n"
    b"Content-Type: application/EmergencyCallData.Comment+xml\r\n\r\n" + COMMENT.encode() + b"\r\n--b--\r\n"
)


def eido() -> bytes:
    """Return an EIDO with a call, a callback, two locations, a person, a note, an agency and additional data."""
    incident, call = (f"urn:emergency:uid:{kind}:abcdef1234:sos.example" for kind in ("incidentid", "callid"))
    stamp: dict[str, Any] = {"lastUpdateTimeStamp": "2026-01-15T10:11:30Z", "updatedByAgencyReference": {"$ref": "sos.example"}}
    place = {"locationTypeDescriptionRegistryText": "Caller", "locationByValue": PIDF.decode()}
    body: dict[str, Any] = {
        "$id": incident,
        **stamp,
        "eidoVersion": "1.0",
        "issuingElementIdentification": "sos1.sos.example",
        "agencyComponent": [{"$id": "sos.example", **stamp, "agencyType": ["psap"]}],
        "callComponent": [{"$id": call, **stamp, "direction": "incoming", "callBackReference": {"$ref": "cb"}}],
        "callbackComponent": [{"$id": "cb", **stamp, "callBackInformationUri": ["tel:+46701740605"]}],
        "locationComponent": [{"$id": f"loc{number}", **stamp, **place} for number in range(2)],
        "personComponent": [{"$id": "p", **stamp, "personIncidentRoleRegistryText": ["Caller"]}],
        "notesComponent": [{"$id": "n", **stamp, "notesActionComments": "<p>Ont i bröstet sedan en timme</p>"}],
        "additionalDataComponent": [{"$id": "ad", **stamp, "additionalDataByValue": COMMENT}],
        "incidentComponent": {"$id": "i", **stamp, "incidentTypeCommonRegistryText": "CHESPAIN"},
    }
    return msgspec.json.encode(body)


def measure(kind: str, goal_per_second: float, read: Callable[[], object]) -> Rate:
    """Measure one reader: a warm-up, then rounds of a fixed processor time each."""
    count = _run(read, 20)
    rates = []
    for _ in range(ROUNDS):
        started = time.process_time()
        done = 0
        while (spent := time.process_time() - started) < ROUND_SECONDS:
            done += _run(read, count)
        rates.append(done / spent)
    rates.sort()
    return Rate(
        kind=kind,
        median_per_second=rates[len(rates) // 2],
        worst_per_second=rates[0],
        goal_per_second=goal_per_second,
    )


def _run(read: Callable[[], object], count: int) -> int:
    for _ in range(count):
        read()
    return count


def rates() -> Iterator[Rate]:
    """Measure every reader; those of the protocols are looked up by name because they lie above this folder."""
    aml = importlib.import_module("granslos_adapters.aml.codec")
    sip = importlib.import_module("granslos_adapters.sip.codec")
    link = importlib.import_module("granslos_adapters.eido.link")
    http = importlib.import_module("granslos_adapters.kit.http")
    priorities = importlib.import_module("granslos_adapters.eido.settings").EidoSettings().priorities
    body = http.Body(data=eido())
    yield measure("pidf", 5_000, lambda: read_pidflo(PIDF, Defects()))
    yield measure("msd", 1_000, lambda: read_msd(MSD, Defects()))
    yield measure("aml", 50_000, lambda: aml.read_sms(SMS, Defects()))
    yield measure("sip", 1_500, lambda: sip.read_sip(INVITE, Defects()))
    yield measure("eido", 1_500, lambda: link.understand(body, "application/json", "sos", priorities))


if __name__ == "__main__":
    import sys

    for rate in rates():
        sys.stdout.write(
            f"{rate.kind:5} {rate.median_per_second:9.0f}/s median {rate.worst_per_second:9.0f}/s worst"
            f" {rate.goal_per_second:9.0f}/s goal\n"
        )
