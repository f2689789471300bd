"""Every bound of the node: a name that ends in its unit, a value, and why this value.

Sorted by the way of a call. A bound of an adapter lives in the adapter's ``settings.py``, one of the local sites in
``granslos/local/limits.py``. Each has a test that reaches it. A bound that a region must be able to choose is a setting
(``settings.Policy``), not a constant.
"""

from zoneinfo import ZoneInfo

LOCAL_ZONE = ZoneInfo("Europe/Stockholm")
"""The day in an incident's id is the day at the centres, summer and winter."""

# --- commands and answers ---------------------------------------------------------------------------------------------

HANDOVER_ANSWER_SECONDS = 0.8
"""Whole budget of a handover's answer, from first byte: the sender gives up after a second."""

CLUSTER_WAIT_SECONDS = 0.4
"""How long an answer waits for the LOG before it says ``site`` instead of ``cluster``."""

AUTHORITY_ANSWER_SECONDS = 0.5
"""One request to a desk's authority: two sites 20 ms apart with a commit of 100 ms, five times over."""

AUTHORITY_ATTEMPTS_MAX = 3
"""A beating authority that does not answer has an unknown outcome: ask again with the same id, so often."""

COMMAND_BODY_BYTES_MAX = 1_048_576
"""Largest command, also NATS's default ``max_payload``."""

# --- journal's writer -------------------------------------------------------------------------------------------------

WRITER_QUEUE_DECISIONS_MAX = 2_000
"""More waiting decisions than this and the next is refused with 503: at 1 ms a decision they would wait 2 s."""

WRITER_GROUP_DECISIONS_MAX = 200
"""Decisions that share one fsync; bounds the time for which the write lock is held."""

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

STORE_CONNECT_TIMEOUT_SECONDS = 2
"""Whole seconds, at least 2: libpq's smallest."""

STORE_STATEMENT_TIMEOUT_MILLISECONDS = 2_500
"""Set at the server, shorter than the next one, so that a slow server says so itself when it still can."""

STORE_COMMIT_TIMEOUT_SECONDS = 3.0
"""After this a server counts as hung, and its connection is given up without waiting."""

MIGRATION_LOCK_TIMEOUT_MILLISECONDS = 3_000
"""A migration gives up a table lock after this: behind a waiting DDL every reader of the table queues."""

MIGRATION_STATEMENT_TIMEOUT_MILLISECONDS = 60_000
"""One statement of a migration; larger work is done in batches by the node, not by a migration."""

MIGRATION_TURN_TIMEOUT_SECONDS = 120
"""How long a node waits for another one that is migrating the same database."""

MIGRATION_ATTEMPTS_MAX = 5
"""So often is a migration tried whose table lock timed out."""

MIGRATION_RETRY_SECONDS = 0.5
"""Pause between two tries, so that the queue behind the lock drains."""

# --- LOG: appending and reading ---------------------------------------------------------------------------------------

LOG_CREATE_TIMEOUT_SECONDS = 10.0
"""Making a replicated stream, with an election on the way."""

LOG_API_TIMEOUT_SECONDS = 2.0
"""One question to the LOG's leader."""

LOG_PUBLISH_TIMEOUT_SECONDS = 1.5
"""One append. After it the outcome is unknown and the tail is read again."""

LOG_MESSAGE_OVERHEAD_BYTES = 400
"""What headers add to a message in a batch: batch id, sequence, chain check."""

FORWARDER_BATCH_EVENTS_MAX = 250
"""Events in one atomic batch; the server's own bound is 1 000."""

FORWARDER_BATCH_BYTES_MAX = 1_048_576
"""Bytes in one atomic batch, so that one batch does not hold the stream's leader for long."""

FORWARDER_MEMORY_EVENTS_MAX = 10_000
"""Newest events kept in memory; older ones are read from the journal's table."""

FORWARDER_RETRY_SECONDS = 0.1
"""Pause after a failed append; an election takes 2.4 to 8.2 s."""

READER_BATCH_EVENTS_MAX = 500
"""Events that the projector applies in one transaction."""

READER_PENDING_BYTES_MAX = 67_108_864
"""Bytes that a reader may hold unread; flow control keeps it below."""

READER_HEARTBEAT_SECONDS = 1.0
"""The consumer's idle heartbeat."""

READER_HEARTBEATS_MISSED_MAX = 3
"""So many missed heartbeats end a reading session."""

READER_INACTIVE_SECONDS = 30.0
"""An abandoned consumer is deleted by its server after this."""

# --- presence ---------------------------------------------------------------------------------------------------------

PRESENCE_BEAT_SECONDS = 0.25
"""Pause between two beats."""

PRESENCE_PROBE_SECONDS = 0.5
"""Pause between two probe rows; a beat claims to commit only on one that is at most twice as old."""

PRESENCE_PROBE_AGE_SECONDS = 1.0
"""A site whose newest fsynced probe is older cannot commit, says its beat."""

PRESENCE_HOLE_SECONDS = 1.0
"""A pause between two beats of a site that starts its time of trust anew."""

PRESENCE_STALL_SECONDS = 1.0
"""The node's own loop stood still for longer: what it did not hear proves nothing."""

PRESENCE_SILENT_SECONDS = 2.0
"""Without a beat for so long a site is silent."""

PRESENCE_ISLAND_SECONDS = 2.0
"""Without a majority for so long this site is an island."""

PRESENCE_BACK_SECONDS = 2.0
"""Beats without a hole for so long before a returned site is trusted again."""

# --- HTTP and feed ----------------------------------------------------------------------------------------------------

LIST_ITEMS_MAX = 1_000
"""Largest page; a larger ``limit`` is clamped."""

FEED_READERS_MAX = 1_000
"""Consoles per node; one more is answered 503 and goes to another site."""

FEED_BACKLOG_BYTES_MAX = 4_194_304
"""Unsent bytes of one reader; beyond it gets ``resync`` and starts from a snapshot."""

FEED_HEARTBEAT_SECONDS = 1.0
"""Pause between two heartbeats with position and data age."""

# --- runtime ----------------------------------------------------------------------------------------------------------

HEALTH_CHECK_SECONDS = 1.0
"""One health check; a hung one counts as failed."""

LOG_TEXT_CHARACTERS_MAX = 2_000
"""Longest text in a log line; the rest is cut."""

LOG_DEPTH_LEVELS_MAX = 4
"""Nesting of a value in a log line; deeper ones are shown by type only."""

DRAIN_SECONDS = 10.0
"""From SIGTERM to the end of the process; the demo's whole stop is bounded by 20 s."""
