"""Measures the codecs on one core: ``python -m granslos_adapters.rakel.bench``. The bound is 50 000 reports a
second.
"""

import sys
import time

from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.codec.lip import ShortFields, decode_lip, encode_short
from granslos_adapters.rakel.codec.lip_long import LongFields, TimeOfPosition, encode_long
from granslos_adapters.rakel.codec.sds import decode_sds
from granslos_adapters.rakel.framing import Framer, ShortData

REPORTS = 200_000
LONG_SHARE = 10
"""One report in so many is a long one, as vehicles send them with a status key."""


def reports(count: int) -> list[str]:
    """Return hex of ``count`` different reports, short and long, with and without a fix."""
    out = []
    for index in range(count):
        fix = index % 5 != 0
        longitude = 16.0 + (index % 997) / 500.0 if fix else None
        latitude = 59.0 + (index % 991) / 500.0 if fix else None
        if index % LONG_SHARE:
            short = ShortFields(longitude_deg=longitude, latitude_deg=latitude, accuracy_m=10.0, speed_kmh=index % 90)
            out.append(encode_short(short).hex())
        else:
            moment = TimeOfPosition(1 + index % 28, index % 24, index % 60, index % 60)
            long = LongFields(
                longitude_deg=longitude,
                latitude_deg=latitude,
                uncertainty_m=10.0,
                altitude_m=35.0,
                speed_kmh=50.0,
                time_of_position_utc=moment,
                status_value=0x8003,
                result_code=None if fix else 81,
            )
            out.append(encode_long(long).hex())
    return out


def lip_per_second(count: int = REPORTS) -> float:
    """Return location reports decoded a second, hex digits to degrees, on one core."""
    lines = reports(min(count, 10_000))
    done = 0
    started = time.perf_counter()
    while done < count:
        for line in lines:
            decode_lip(Bits.from_hex(line))
        done += len(lines)
    return done / (time.perf_counter() - started)


def lines_per_second(count: int = REPORTS // 4) -> float:
    """Return location reports a second through everything below the link: bytes, lines, headers, decoding."""
    stream = b"".join(
        f"\r\n+CTSDSR: 12,{1_000_000 + index},0,9876543,0,{4 * len(line)}\r\n{line}\r\n".encode()
        for index, line in enumerate(reports(1_000))
    )
    framer, done = Framer(), 0
    started = time.perf_counter()
    while done < count:
        for start in range(0, len(stream), 512):
            for event in framer.feed(stream[start : start + 512]):
                if isinstance(event, ShortData):
                    decode_sds(event.header.ai_service, event.data)
                    done += 1
    return done / (time.perf_counter() - started)


def main() -> int:
    """Print the figures."""
    sys.stdout.write(f"LIP decoded            {lip_per_second():>10,.0f} /s\n")
    sys.stdout.write(f"PEI bytes to positions {lines_per_second():>10,.0f} /s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
