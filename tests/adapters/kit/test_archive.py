"""The archive keeps raw bytes by their hash."""

import hashlib
from pathlib import Path

from granslos_adapters.kit.archive import Archive


async def test_bytes_come_back_also_in_a_new_process(tmp_path: Path) -> None:
    raw = bytes(range(256)) * 100
    digest = await Archive("test", tmp_path, bytes_max=1 << 20).keep(raw)
    assert digest == hashlib.sha256(raw).hexdigest()
    again = Archive("test", tmp_path, bytes_max=1 << 20)
    assert again.bytes_used == len(raw)
    assert await again.read(digest) == raw
    assert await again.read("0" * 64) is None


async def test_the_same_bytes_count_once(tmp_path: Path) -> None:
    archive = Archive("test", tmp_path, bytes_max=150)
    assert await archive.keep(b"x" * 100) == await archive.keep(b"x" * 100)
    assert archive.bytes_used == 100


async def test_a_full_archive_says_so_until_it_takes_again(tmp_path: Path) -> None:
    archive = Archive("test", tmp_path, bytes_max=150)
    await archive.keep(b"x" * 100)
    assert await archive.keep(b"y" * 100) is None
    assert archive.full
    assert await archive.keep(b"z" * 10) is not None
    assert not archive.full


async def test_a_disk_that_fails_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    archive = Archive("test", folder, bytes_max=150)
    folder.rmdir()
    folder.write_text("not a folder")
    assert await archive.keep(b"x") is None
    assert archive.full
