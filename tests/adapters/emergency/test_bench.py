"""The bench measures real messages; its figures themselves are taken on a quiet machine, not here."""

from granslos_adapters.aml.codec import read_sms
from granslos_adapters.eido.codec import read_eidos
from granslos_adapters.emergency import bench
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.msd import read_msd
from granslos_adapters.emergency.pidflo import read_pidflo
from granslos_adapters.sip.codec import read_sip


def test_every_message_of_the_bench_is_whole() -> None:
    defects = Defects()
    document = read_pidflo(bench.PIDF, defects)
    msd = read_msd(bench.MSD, defects)
    sms = read_sms(bench.SMS, defects)
    call = read_sip(bench.INVITE, defects)
    reading = read_eidos(bench.eido(), defects)
    assert document.best is not None
    assert document.best.usable
    assert msd is not None
    assert msd.usable
    assert sms is not None
    assert sms.usable
    assert call is not None
    assert (len(call.locations), len(call.blocks), call.has_sdp) == (1, 1, True)
    assert len(reading.eidos[0].of("locationComponent")) == 2
    assert defects.all() == ()


def test_a_rate_has_its_worst_round() -> None:
    rate = bench.measure("aml", 50_000, lambda: read_sms(bench.SMS, Defects()))
    assert 0 < rate.worst_per_second <= rate.median_per_second
