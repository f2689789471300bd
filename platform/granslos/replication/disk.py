"""Watches the room on the disk, and stops in time: while everything can still be written."""

import asyncio
import shutil
from pathlib import Path

from granslos.journal.writer import JournalWriter
from granslos.replication.beats import Beats
from granslos.replication.trust import AlarmPort
from granslos.runtime import limits, metrics


async def watch_disk(folder: Path, writer: JournalWriter, beats: Beats, alarms: AlarmPort) -> None:
    """Stop to take commands while the disk is still writable, and let the others take over; resume with room again."""
    # A folder that is still to be made lies on the disk of its nearest parent that exists.
    there = next(place for place in (folder, *folder.parents) if place.exists())
    while True:
        usage = await asyncio.to_thread(shutil.disk_usage, there)
        free = usage.free / usage.total
        metrics.STORE_FREE_RATIO.labels("data").set(free)
        if free < limits.DISK_FREE_STOP_RATIO:
            writer.closed_for.add("disk_full")
            beats.blocked = True
            alarms.alarm("disk_full", f"less than {limits.DISK_FREE_STOP_RATIO:.0%} of the disk is free: no new commands here")
        elif free > limits.DISK_FREE_RESUME_RATIO and beats.blocked:
            writer.closed_for.discard("disk_full")
            beats.blocked = False
            alarms.clear("disk_full")
        await asyncio.sleep(limits.DISK_LOOK_SECONDS)
