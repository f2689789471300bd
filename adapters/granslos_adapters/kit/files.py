"""Durable small files: written beside, fsynced, renamed, the folder fsynced; so a name never shows half a file."""

import os
from pathlib import Path


def write_durably(folder: Path, name: str, content: bytes) -> Path:
    """Write ``content`` as ``folder/name``; on return it survives a power loss.

    Raises:
        OSError: the disk is full or gone; nothing is left under ``name``.
    """
    temporary = folder / f".{name}.part"
    target = folder / name
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return target


def sync_folder(folder: Path) -> None:
    """Make creations, renames and removals in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Create ``folder`` (mode 0700, patient data lies in it) and return it.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
