"""An EIDO of our own, made from the tables of NENA-STA-021, as a Swedish 112 operator would send it."""

from typing import Any

INCIDENT = "urn:emergency:uid:incidentid:abcdef1234:sos.example"
CALL = "urn:emergency:uid:callid:abcdef1234:sos.example"
PRESENCE = (
    '<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf"'
    ' xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
    ' xmlns:gml="http://www.opengis.net/gml" xmlns:gs="http://www.opengis.net/pidflo/1.0"'
    ' xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"><dm:device id="d"><gp:geopriv><gp:location-info>'
    '<gs:Circle srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>{position}</gml:pos>'
    '<gs:radius uom="urn:ogc:def:uom:EPSG::9001">{radius}</gs:radius></gs:Circle>{civic}'
    "</gp:location-info><gp:method>GPS</gp:method></gp:geopriv><dm:timestamp>{time}</dm:timestamp></dm:device></presence>"
)
CIVIC = "<ca:civicAddress><ca:A3>Västerås</ca:A3><ca:RD>Storgatan</ca:RD><ca:HNO>1</ca:HNO></ca:civicAddress>"


def presence(
    position: str = "59.61340 16.54470", radius: str = "25", time: str = "2026-01-15T10:11:12Z", civic: str = CIVIC
) -> str:
    """A PIDF-LO document with a circle and an address."""
    return PRESENCE.format(position=position, radius=radius, time=time, civic=civic)


def component(identifier: str, **members: Any) -> dict[str, Any]:
    """A component with its prologue."""
    return {
        "$id": identifier,
        "lastUpdateTimeStamp": "2026-01-15T10:11:30Z",
        "updatedByAgencyReference": {"$ref": "sos.example"},
        **members,
    }


def eido(**changes: Any) -> dict[str, Any]:
    """A whole EIDO: call, callback, caller, location, note, incident, agencies; ``changes`` replace members."""
    call = component(
        CALL,
        standardPrimaryCallType="emergency",
        direction="incoming",
        callStartTimestamp="2026-01-15T10:11:00Z",
        answerDate="2026-01-15T10:11:08Z",
        callStateRegistryText="callAnswered",
        callBackReference={"$ref": "cb1"},
    )
    body = {
        "$id": INCIDENT,
        "lastUpdateTimeStamp": "2026-01-15T10:12:00Z",
        "updatedByAgencyReference": {"$ref": "sos.example"},
        "eidoVersion": "1.0",
        "issuingElementIdentification": "sos1.sos.example",
        "agencyComponent": [component("sos.example", agencyRoleDescriptionRegistryText=["CallReceiving"], agencyType=["psap"])],
        "callComponent": [call],
        "callbackComponent": [component("cb1", callBackInformationUri=["sip:070-1740605@sos.example", "tel:+46701740605"])],
        "locationComponent": [component("loc1", locationTypeDescriptionRegistryText="Caller", locationByValue=presence())],
        "personComponent": [
            component(
                "p1",
                personIncidentRoleRegistryText=["Caller"],
                ncPersonComponent={"nc:PersonName": {"nc:PersonGivenName": "Anna", "nc:PersonSurName": "Ek"}},
            )
        ],
        "notesComponent": [component("n1", notesActionComments="<p>Ont i bröstet</p><script>alert(1)</script>")],
        "incidentComponent": component(
            "inc1",
            incidentTypeCommonRegistryText="CHESPAIN",
            incidentTypeInternalText="Bröstsmärta",
            incidentStatusCommonRegistryText=["Active"],
            incidentCommonPriorityNumber=9,
        ),
    }
    return body | changes
