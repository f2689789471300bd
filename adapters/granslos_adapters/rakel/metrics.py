"""Metrics of the radio adapter; labels never hold numbers of radios or people."""

from prometheus_client import Counter, Gauge

MESSAGES = Counter("granslos_radio_messages_total", "Messages understood, by kind.", ("kind",))
DEFECTS = Counter("granslos_radio_defects_total", "Lines and messages that could not be understood.", ("code",))
NOTICES = Counter("granslos_radio_notices_total", "Notices to dispatchers that no command could say.", ("kind",))
DELIVERIES = Counter("granslos_radio_deliveries_total", "Facts learnt of sent messages.", ("stage",))
REPEATS = Counter("granslos_radio_repeats_total", "Messages that only repeated what was known.")
LINK_UP = Gauge("granslos_radio_link_up", "1 while messages can be sent and heard.")
OUTBOX = Gauge("granslos_radio_outbox_messages", "Messages waiting to be sent or for their receipt.")
