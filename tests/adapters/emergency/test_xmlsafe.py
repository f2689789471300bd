"""XML from strangers: attacks are refused, broken documents are read as far as they are certain."""

import time

import pytest

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import XML_BYTES_MAX, XML_DEPTH_MAX, XML_ELEMENTS_MAX
from granslos_adapters.emergency.xmlsafe import Document, local_name, parse, text_of

BOMB = (
    '<!DOCTYPE z [<!ENTITY a "'
    + "x" * 100
    + '">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">' for n in range(1, 9))
    + "]><presence><note>&a8;</note></presence>"
)


def read(data: bytes | str) -> tuple[Document, list[str]]:
    defects = Defects()
    document = parse(data, defects)
    return document, [defect.code for defect in defects.all()]


@pytest.mark.parametrize(
    "attack",
    [
        BOMB,
        BOMB.encode("utf-16"),
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><presence>&e;</presence>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]><presence/>',
    ],
)
def test_declared_entities_are_refused(attack: bytes | str) -> None:
    document, codes = read(attack)
    assert document.root is None
    assert "xml_entities" in codes


def test_a_bare_doctype_costs_only_a_defect() -> None:
    document, codes = read("<!DOCTYPE presence><presence>x</presence>")
    assert document.root is not None
    assert text_of(document.root) == "x"
    assert codes == ["xml_doctype"]


@pytest.mark.parametrize(
    "data",
    [b"", b"   ", b"\xef\xbb\xbf", "", b"hello", b"\xff\xfe", b"<", b"{}", b"\x00" * 100, b'<?xml version="1.0"?>'],
)
def test_what_is_no_document_gives_none(data: bytes | str) -> None:
    document, codes = read(data)
    assert document.root is None
    assert codes


def test_size_depth_and_count_are_bounded() -> None:
    assert read(b"<a>" + b"x" * XML_BYTES_MAX + b"</a>")[1] == ["xml_too_big"]
    assert read(b"<a>" * (XML_DEPTH_MAX + 1) + b"</a>" * (XML_DEPTH_MAX + 1))[1] == ["xml_not_well_formed"]
    assert read(b"<a>" * XML_DEPTH_MAX + b"</a>" * XML_DEPTH_MAX)[1] == []
    assert read(b"<r>" + b"<a></a>" * XML_ELEMENTS_MAX + b"</r>")[1] == ["xml_too_long"]


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (b'\n  <?xml version="1.0"?><a>ok</a>', "xml_leading_space"),
        (b"<a>ok<b></a>", "xml_not_well_formed"),
        (b"<a>o\x00k</a>", "xml_not_well_formed"),
        (b'<?xml version="1.0" encoding="utf-8"?><a>ok \xe5</a>', "xml_not_well_formed"),
        (b'<?xml version="1.0" encoding="no-such"?><a>ok</a>', "xml_not_well_formed"),
        (b"<gs:a>ok</gs:a>", "xml_not_well_formed"),
    ],
)
def test_common_damage_is_read_and_said(data: bytes, defect: str) -> None:
    document, codes = read(data)
    assert document.root is not None
    assert local_name(document.root) == "a"
    assert text_of(document.root).startswith("o")
    assert codes == [defect]


def test_a_document_in_a_string_ignores_its_declared_encoding() -> None:
    document, codes = read('<?xml version="1.0" encoding="UTF-16"?><a>å</a>')
    assert document.root is not None
    assert (text_of(document.root), codes) == ("å", [])


def test_utf_16_with_its_mark_is_read() -> None:
    document, codes = read('<?xml version="1.0" encoding="UTF-16"?><a>å</a>'.encode("utf-16"))
    assert document.root is not None
    assert (text_of(document.root), codes) == ("å", [])


def test_text_that_ran_into_the_end_is_dropped_because_it_may_be_short() -> None:
    whole = b"<a><pos>59.61 16.54</pos></a>"
    for cut in range(len(whole)):
        document, _ = read(whole[:cut])
        texts = [] if document.root is None else [text_of(e) for e in document.root.iter() if text_of(e)]
        assert set(texts) <= {"59.61 16.54"}, whole[:cut]


def test_a_document_without_its_beginning_is_read_in_pieces() -> None:
    document, codes = read(b"<?xLOST>x</surname><given>Anna</given></n><tel><uri>tel:+46701</uri></tel></vcard>")
    assert document.root is not None
    assert "Anna" in text_of(document.root)
    assert "tel:+46701" in text_of(document.root)
    assert codes == ["xml_not_well_formed"]


@pytest.mark.parametrize("unit", [b"<a>", b"</a>", b"<a b='", b"<!DOCTYPE ", b"<?", b"<aaaaaaaa", b"<!--", b"&x;"])
@pytest.mark.parametrize("before", [b"", b"<a>", b"x</z>"])
def test_no_document_takes_long(unit: bytes, before: bytes) -> None:
    started = time.perf_counter()
    read(before + unit * (500_000 // len(unit)))
    assert time.perf_counter() - started < 2
