"""What an EIDO means, for ``granslos conform eido``; see ``granslos_adapters.emergency.conform``."""

from typing import Any

import msgspec

from granslos.contract.commands import ReceiveHandover
from granslos.contract.person import encode_hook
from granslos_adapters.eido.codec import Eido, read_eidos, texts
from granslos_adapters.eido.mapping import Origin, to_handover, unreadable
from granslos_adapters.eido.settings import EidoSettings
from granslos_adapters.emergency.conform import BYTES_MAX, result
from granslos_adapters.emergency.defects import Defects

KINDS = ("eido",)
Object = dict[str, Any]


def conform(kind: str, data: bytes) -> list[Object]:
    """Return one object for each EIDO in the data; at least one."""
    assert kind in KINDS
    defects = Defects()
    origin = Origin(raw=data[:BYTES_MAX])
    reading = read_eidos(origin.raw, defects)
    priorities = EidoSettings().priorities
    if not reading.eidos:
        saved = unreadable(reading, "", origin, defects)
        ids = {"call_ids": list(saved.call_ids), "incident_id": reading.scraps.incident_id}
        understood = _understood(reading.partial, saved) if reading.partial and reading.partial.components else ids
        return [result(understood, [], saved.defects, origin.raw)]
    handovers = [(eido, to_handover(eido, origin, defects, priorities)) for eido in reading.eidos]
    return [result(_understood(eido, handover), _kept(eido), handover.defects) for eido, handover in handovers]


def _understood(eido: Eido, handover: ReceiveHandover) -> Object:
    meant: Object = msgspec.to_builtins(handover, enc_hook=encode_hook)
    for name in ("raw", "raw_media_type", "defects", "name"):
        meant.pop(name, None)
    extra = meant.pop("extra", {})
    uris = [uri for callback in eido.of("callbackComponent") for uri in texts(callback, "callBackInformationUri")]
    place = meant.get("location") or {}
    return {
        "incident_id": eido.id or None,
        "version": eido.version,
        "callback_uris": uris,
        "position": {name: place[name] for name in ("latitude", "longitude", "radius_m", "usable")}
        if place.get("latitude") is not None
        else None,
        **{name: value for name, value in meant.items() if value not in (None, [], False)},
        **{name: value for name, value in extra.items() if name not in ("opaque", "components", "unreadable")},
    }


def _kept(eido: Eido) -> list[str]:
    remaining = {"agentComponent", "vehicleComponent", "dispatchComponent", "emergencyResourceComponent"}
    carried = [kind for kind in eido.components if kind in remaining]
    return [*carried, *(msgspec.json.encode({name: value}).decode() for name, value in eido.opaque.items())]
