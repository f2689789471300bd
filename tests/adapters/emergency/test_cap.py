"""CAP 1.2: alerts are read also where they break the schema, and what they break is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.emergency.cap import AREAS_MAX, INFOS_MAX, RESOURCES_MAX, Alert, read_cap
from granslos_adapters.emergency.defects import Defects
from support.vectors import expected_112, files_112, fuzz, mutated, read_112

INFO = (
    "<info><category>Met</category><event>Storm</event><urgency>Immediate</urgency><severity>Severe</severity>"
    "<certainty>Likely</certainty>{more}<area><areaDesc>Mälaren</areaDesc>{area}</area></info>"
)


def alert(more: str = "", area: str = "", head: str = "", infos: int = 1) -> str:
    return (
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>a1</identifier><sender>smhi@example.se</sender>'
        "<sent>2026-01-15T10:00:00+01:00</sent><status>Actual</status><msgType>Update</msgType><scope>Public</scope>"
        f"<references>smhi@example.se,a0,2026-01-15T09:00:00+01:00</references>{head}"
        f"{INFO.format(more=more, area=area) * infos}</alert>"
    )


def read(data: bytes | str) -> tuple[Alert | None, list[str]]:
    defects = Defects()
    found = read_cap(data, defects)
    return found, [defect.code for defect in defects.all()]


@pytest.mark.parametrize("name", files_112("cap"))
def test_third_party_alerts(name: str) -> None:
    found, codes = read(read_112(name))
    assert found is not None
    assert found.identifier
    assert found.sender
    assert found.sent is not None
    assert (codes == []) == expected_112(name)["schema_valid_cap12"]


def test_an_alert() -> None:
    polygon = (
        "<polygon>59,16 59,17 60,17 59,16</polygon><circle>59.6,16.5 12</circle>"
        "<geocode><valueName>SCB</valueName><value>19</value></geocode>"
    )
    found, codes = read(alert(area=polygon))
    assert found is not None
    assert (found.identifier, found.sender, codes) == ("a1", "smhi@example.se", [])
    assert found.references == ("smhi@example.se,a0,2026-01-15T09:00:00+01:00",)
    (area,) = found.infos[0].areas
    assert area.polygons == (((59.0, 16.0), (59.0, 17.0), (60.0, 17.0), (59.0, 16.0)),)
    assert (area.circles, area.geocodes) == (((59.6, 16.5, 12.0),), (("SCB", "19"),))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (alert(area="<polygon>59,16 59,17 60,17</polygon>"), "bad_polygon"),
        (alert(area="<polygon>59,16 59,17 60,17 61,17</polygon>"), "ring_not_closed"),
        (alert(area="<polygon>59,16 x,17 60,17 59,16</polygon>"), "bad_polygon"),
        (alert(area="<polygon>99,16 59,17 60,17 99,16</polygon>"), "position_out_of_range"),
        (alert(area="<circle>59,16</circle>"), "bad_circle"),
        (alert("<responseType>Shelter</responseType><urgency>Past</urgency>"), "element_order"),
        (alert("<resource><uri>x</uri></resource>"), "missing_value"),
        (alert("<expires>soon</expires>"), "bad_time"),
        (alert().replace("Actual", "Perhaps"), "unknown_value"),
        (alert().replace("<event>Storm</event>", ""), "missing_value"),
        (alert().replace("alert", "notice"), "no_alert"),
        (alert(infos=INFOS_MAX + 1), "too_many_values"),
    ],
)
def test_defects(data: str, code: str) -> None:
    _, codes = read(data)
    assert code in codes


def test_an_alert_in_an_envelope_and_its_unknown_parts() -> None:
    found, _ = read(f"<EDXLDistribution><content>{alert(head='<new>x</new>')}</content></EDXLDistribution>")
    assert found is not None
    assert "x" in found.kept[0]


def test_counts_are_bounded() -> None:
    found, _ = read(alert("<resource/>" * (RESOURCES_MAX + 5)))
    assert found is not None
    assert len(found.infos[0].resources) == RESOURCES_MAX
    many = alert().replace("</info>", "<area><areaDesc>x</areaDesc></area>" * (AREAS_MAX + 5) + "</info>")
    found, _ = read(many)
    assert found is not None
    assert len(found.infos[0].areas) == AREAS_MAX


@given(mutated((alert("<parameter><valueName>a</valueName><value>b</value></parameter>").encode(),)) | st.binary(max_size=200))
@fuzz(300)
def test_mutations_never_raise(data: bytes) -> None:
    read(data)
