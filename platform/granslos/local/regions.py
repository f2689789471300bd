"""The regions of the demo: centres, areas, and a small fleet at real towns.

Towns' positions are WGS 84, to about a kilometre. Call signs are invented: 3, the county's code, four digits. The first
digit of the four tells the kind: 3 ambulance, 7 transport ambulance, 9 doctor's car.
"""

from typing import Any

import msgspec

from granslos.local.limits import SITES_MAX

Town = tuple[str, float, float]
KINDS = (*("ambulance",) * 5, *("transport_ambulance",) * 2, "doctor_car")
_FIRST_DIGITS = {"ambulance": 3, "transport_ambulance": 7, "doctor_car": 9}


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A site with its centre.

    Attributes:
        code: Of site and centre.
        site_name: The machines' name, a to z.
        centre_name: The people's.
        area: County code (länskod) that the centre answers for.
        towns: Where its units stand: name, latitude, longitude in degrees; one for each unit.
    """

    code: str
    site_name: str
    centre_name: str
    area: str
    towns: tuple[Town, ...]


REGIONS = (
    Region(
        code="esk",
        site_name="eskilstuna",
        centre_name="Eskilstuna",
        area="04",
        towns=(
            ("Eskilstuna", 59.371, 16.510),
            ("Nyköping", 58.753, 17.009),
            ("Katrineholm", 58.996, 16.206),
            ("Strängnäs", 59.378, 17.031),
            ("Flen", 59.058, 16.588),
            ("Nyköping", 58.753, 17.009),
            ("Eskilstuna", 59.371, 16.510),
            ("Eskilstuna", 59.371, 16.510),
        ),
    ),
    Region(
        code="vas",
        site_name="vasteras",
        centre_name="Västerås",
        area="19",
        towns=(
            ("Västerås", 59.611, 16.545),
            ("Köping", 59.514, 15.993),
            ("Sala", 59.921, 16.605),
            ("Fagersta", 60.004, 15.793),
            ("Arboga", 59.394, 15.838),
            ("Västerås", 59.611, 16.545),
            ("Köping", 59.514, 15.993),
            ("Västerås", 59.611, 16.545),
        ),
    ),
    Region(
        code="upp",
        site_name="uppsala",
        centre_name="Uppsala",
        area="03",
        towns=(
            ("Uppsala", 59.858, 17.644),
            ("Enköping", 59.636, 17.078),
            ("Tierp", 60.345, 17.516),
            ("Östhammar", 60.259, 18.372),
            ("Bålsta", 59.569, 17.528),
            ("Uppsala", 59.858, 17.644),
            ("Enköping", 59.636, 17.078),
            ("Uppsala", 59.858, 17.644),
        ),
    ),
    Region(
        code="kar",
        site_name="karlstad",
        centre_name="Karlstad",
        area="17",
        towns=(
            ("Karlstad", 59.379, 13.504),
            ("Kristinehamn", 59.310, 14.108),
            ("Arvika", 59.655, 12.586),
            ("Torsby", 60.139, 13.002),
            ("Säffle", 59.132, 12.930),
            ("Karlstad", 59.379, 13.504),
            ("Filipstad", 59.712, 14.168),
            ("Karlstad", 59.379, 13.504),
        ),
    ),
    Region(
        code="sto",
        site_name="stockholm",
        centre_name="Stockholm",
        area="01",
        towns=(
            ("Stockholm", 59.329, 18.069),
            ("Södertälje", 59.195, 17.626),
            ("Norrtälje", 59.758, 18.705),
            ("Huddinge", 59.237, 17.982),
            ("Täby", 59.444, 18.069),
            ("Stockholm", 59.329, 18.069),
            ("Södertälje", 59.195, 17.626),
            ("Stockholm", 59.329, 18.069),
        ),
    ),
    Region(
        code="ore",
        site_name="orebro",
        centre_name="Örebro",
        area="18",
        towns=(
            ("Örebro", 59.275, 15.213),
            ("Karlskoga", 59.327, 14.524),
            ("Lindesberg", 59.593, 15.230),
            ("Hallsberg", 59.066, 15.110),
            ("Askersund", 58.880, 14.902),
            ("Örebro", 59.275, 15.213),
            ("Karlskoga", 59.327, 14.524),
            ("Örebro", 59.275, 15.213),
        ),
    ),
    Region(
        code="got",
        site_name="goteborg",
        centre_name="Göteborg",
        area="14",
        towns=(
            ("Göteborg", 57.709, 11.975),
            ("Borås", 57.721, 12.940),
            ("Trollhättan", 58.284, 12.289),
            ("Skövde", 58.391, 13.845),
            ("Uddevalla", 58.349, 11.938),
            ("Göteborg", 57.709, 11.975),
            ("Borås", 57.721, 12.940),
            ("Göteborg", 57.709, 11.975),
        ),
    ),
)
assert len(REGIONS) == SITES_MAX, "every site of the layout has a region"
assert all(len(region.towns) == len(KINDS) for region in REGIONS), "every unit has a station"

WITNESS = "wit"
"""Code of the hub without a site that an even number of sites needs for a majority."""


def centres_table(regions: tuple[Region, ...]) -> list[dict[str, Any]]:
    """The [[centres]] of the site files: each is succeeded by the next in the ring, so that no two load the same."""
    codes = [region.code for region in regions]
    return [
        {
            "code": region.code,
            "name": region.centre_name,
            "site": region.code,
            "areas": [region.area],
            "succession": codes[place + 1 :] + codes[:place],
        }
        for place, region in enumerate(regions)
    ]


def units_table(regions: tuple[Region, ...]) -> list[dict[str, Any]]:
    """The [[units]] of the site files."""
    return [_unit(region, number, kind) for region in regions for number, kind in enumerate(KINDS)]


def _unit(region: Region, number: int, kind: str) -> dict[str, Any]:
    station, latitude, longitude = region.towns[number]
    return {
        "id": f"3{region.area}-{_FIRST_DIGITS[kind]}{3 + number // 5}{1 + number % 5}0",
        "kind": kind,
        "centre": region.code,
        "station": station,
        "latitude": latitude,
        "longitude": longitude,
        "skills": ["doctor"] if kind == "doctor_car" else [],
    }
