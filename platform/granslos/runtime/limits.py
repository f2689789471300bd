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

HANDOVER_CLUSTER_WAIT_SECONDS = 0.5
"""The same for a handover; with routing before it, still inside the handover's whole budget."""

ASKED_SHARE_RATIO = 0.7
"""Share of the asker's patience that the asked site gets as its deadline, so that its answer is back in time."""

HANDOVER_ROUTING_SECONDS = 0.3
"""How long the responsible call desk may take to open a handover's incident before the receiving site does it
itself.
"""

HANDOVER_ROUTING_ATTEMPTS_MAX = 2
"""A desk that has just moved is followed once."""

ROUTING_RETRY_SECONDS = 0.05
"""Pause before a command looks again at a desk that is moving."""

ANSWER_RESERVE_SECONDS = 0.02
"""What an answer keeps of its deadline for its own way back."""

DEADLINE_GRACE_SECONDS = 0.05
"""After deadline and this, a command is answered as unknown."""

COMMAND_BODY_BYTES_MAX = 1_048_576
"""Largest command, also NATS's default ``max_payload``."""

INTAKE_COMMANDS_MAX = 2_000
"""Commands from the bus in work at once; one more is answered 503 at once."""

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

FORWARDER_SHORT_LOG_SECONDS = 10.0
"""A LOG that has had less of this site for so long than was read from it has lost events, or is another one."""

FORWARDER_AWAY_SECONDS = 1.0
"""The LOG has been away for so long: answers say ``site`` at once instead of waiting for it."""

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

BUS_RETRY_SECONDS = 0.5
"""Pause after a first connection to NATS that failed otherwise than by silence."""

LOG_STATUS_SECONDS = 1.0
"""Pause between two questions for the LOG's status."""

START_LOG_PATIENCE_SECONDS = 6.0
"""A starting node waits so long for the LOG before it starts as an island, in a new generation."""

START_PROJECTION_SECONDS = 120.0
"""A starting node projects so long before it serves its desks all the same, with an alarm."""

STORE_RETRY_SECONDS = 0.3
"""Pause between two tries to reach PostgreSQL again."""

DISK_FREE_STOP_RATIO = 0.10
"""With less of the disk free a site takes no new commands, and the others take its desks."""

DISK_FREE_RESUME_RATIO = 0.12
"""With more free than this it takes commands again."""

DISK_LOOK_SECONDS = 5.0
"""Pause between two looks at the disk: at 100 events a second of 2 kB each that is a megabyte."""

WORLD_ENTRIES_MAX = 20_000
"""Aggregates kept in memory; closed incidents and their handovers above it are forgotten, oldest first."""

WORLD_TRIM_SECONDS = 10.0
"""Pause between two looks at that bound."""

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

PRESENCE_START_SECONDS = 10.0
"""A site that was never heard counts as silent only after this: at a cold start of all, none takes over from those behind."""

PRESENCE_ISLAND_SECONDS = 2.0
"""Without a majority for so long this site is an island."""

PRESENCE_BACK_SECONDS = 2.0
"""Beats without a hole for so long before a returned site is trusted again."""

OBSERVATION_FUTURE_SECONDS = 300.0
"""A position from further in the future is not believed."""

NOTICE_BYTES_MAX = 16_384
"""A larger notice of a radio adapter is not shown to consoles."""

OBSERVED_UNITS_MAX = 10_000
"""Units whose newest position a node keeps."""

ALARMS_WAITING_MAX = 1_000
"""Assignments that wait to be told to the radio adapters; more are left to the dispatcher's missing acknowledgement."""

# --- takeover ---------------------------------------------------------------------------------------------------------

TAKEOVER_RETRY_SECONDS = 0.2
"""Pause before a refused or leaderless marker is tried again."""

TAKEOVER_PROJECTION_SECONDS = 2.0
"""How long a taker waits until it has projected up to its own marker before it answers."""

TAKEOVER_ANSWER_SECONDS = 2.0
"""A supervisor's key is answered after this at the latest: done, or queued while the LOG has no leader."""

DRAIN_DESK_SECONDS = 3.0
"""A planned move holds the desk's commands for at most this; after it the desk stays where it was."""

FRESH_HOLD_SECONDS = 0.3
"""Another site's committed events wait so long for the LOG to bring them, before they are shown as pending."""

FRESH_EVENTS_MAX = 20_000
"""Other sites' committed events held for that; more are left to the LOG."""

# --- HTTP and feed ----------------------------------------------------------------------------------------------------

LIST_ITEMS_MAX = 1_000
"""Largest page; a larger ``limit`` is clamped."""

TOLD_RESOURCES_MAX = 20_000
"""Resources of which a node remembers what it told readers last (about 2 MB)."""

FEED_READERS_MAX = 1_000
"""Consoles per node; one more is answered 503 and goes to another site."""

FEED_BACKLOG_BYTES_MAX = 4_194_304
"""Unsent bytes of one reader; beyond it gets ``resync`` and starts from a snapshot."""

FEED_HEARTBEAT_SECONDS = 1.0
"""Pause between two heartbeats with position and data age."""

FEED_BACKLOG_FRAMES_MAX = 5_000
"""Unsent frames of one reader: 50 s of the busiest hour; beyond it gets ``resync`` too."""

FEED_CHUNK_BYTES_MAX = 262_144
"""Bytes handed to one connection at a time: what it may hold unsent besides the ring."""

FEED_RING_FRAMES_MAX = 20_000
"""Frames kept for resuming; what is older answers ``resync``."""

FEED_RING_BYTES_MAX = 33_554_432
"""Bytes of the frames kept for resuming."""

FEED_AHEAD_SECONDS = 60.0
"""A reader ahead of this site gets heartbeats for so long, then ``resync`` and what this site has."""

FEED_SNAPSHOT_AGE_SECONDS = 1.0
"""Readers that come within this share one snapshot: 200 consoles of a dead site arrive at once."""

FEED_SNAPSHOT_RETRY_SECONDS = 0.5
"""Pause before asking PostgreSQL again for a snapshot; the reader gets heartbeats meanwhile."""

FEED_POSITIONS_MAX = 5_000
"""Units whose positions wait to be sent; more units than Sweden has ambulances are not kept."""

HANDOVER_BODY_BYTES_MAX = 16_777_216
"""Largest handover: a call is not refused for a photograph in it."""

HANDOVER_RAW_BYTES_MAX = 262_144
"""Bytes as received that travel in the event; an event must fit NATS's ``max_payload`` with all other fields."""

HANDOVER_EXTRA_BYTES_MAX = 65_536
"""JSON of the fields this release does not know; beyond it they are in the raw bytes only."""

HANDOVER_DEFECTS_MAX = 50
"""Defects noted on one message; the last one says that there were more."""

HANDOVER_DECISION_SECONDS = 0.25
"""Least time for a decision where the sender itself was slow: of the budget at least so much is left."""

HTTP_COMMAND_SECONDS = 2.0
"""A person's command, from first byte to answer; then its outcome is unknown."""

HTTP_TAKEOVER_SECONDS = 12.0
"""Taking over or handing back a desk: the LOG may have no leader for 9 s."""

HTTP_ANSWER_GRACE_SECONDS = 0.25
"""How much later than its deadline the core may answer before the outcome counts as unknown."""

HTTP_BODY_SECONDS = 5.0
"""For a whole body to arrive."""

HTTP_BODIES_BYTES_MAX = 134_217_728
"""Bodies being read at once, all senders together; beyond it 503."""

HTTP_BODY_DRAIN_BYTES_MAX = 67_108_864
"""Of a body too large, so much is read and thrown away, so that the sender gets to read its answer."""

HTTP_HEAD_BYTES_MAX = 65_536
"""Request line and headers."""

HTTP_HEAD_SECONDS = 10.0
"""For them to arrive, from connecting or from the first byte of a later request."""

HTTP_REQUESTS_MAX = 2_000
"""Requests and feeds served at once; beyond it 503."""

HTTP_KEEP_ALIVE_SECONDS = 75
"""An idle connection is closed after this."""

HTTP_DRAIN_SECONDS = 5
"""Whole seconds for requests under way when the node stops."""

JSON_DEPTH_LEVELS_MAX = 32
"""Nesting of a body; deeper ones are refused, in a handover cut."""

CURSOR_CHARACTERS_MAX = 512
"""Longest page cursor."""

LIST_ITEMS_DEFAULT = 100
"""Page size without ``limit``."""

HISTORY_ITEMS_MAX = 1_000
"""Largest page of a history."""

HISTORY_PENDING_EVENTS_MAX = 20_000
"""Own events not yet in the LOG that a history looks through; an island's hour at ten times the load."""

READ_CONNECTIONS_MAX = 6
"""Connections for reading; more would only queue at the two cores."""

READ_TURN_SECONDS = 1.0
"""Waiting for one of them."""

READ_TIMEOUT_SECONDS = 2.5
"""One reading, after which PostgreSQL counts as hung."""

READ_STATEMENT_TIMEOUT_MILLISECONDS = 2_000
"""Set at the server, shorter, so that a slow one says so itself."""

AUDIT_QUEUE_ROWS_MAX = 10_000
"""Audit rows waiting to be written."""

AUDIT_WAIT_SECONDS = 0.5
"""How long a reading waits for room in that queue before it is refused with 503."""

AUDIT_BATCH_ROWS_MAX = 500
"""Audit rows in one insert."""

AUDIT_RETRY_SECONDS = 0.5
"""Pause after a failed insert; the rows are kept."""

AUDIT_FLUSH_SECONDS = 3.0
"""At the end of the process, to write what waits."""

TOKEN_CHARACTERS_MAX = 8_192
"""Longest bearer token."""

TOKENS_KNOWN_MAX = 4_096
"""Checked tokens remembered; the least used goes first."""

TOKEN_KEYS_RELOAD_SECONDS = 1.0
"""An unknown key id makes the folder of public keys be read again at most so often."""

TOKEN_SKEW_SECONDS = 30.0
"""How much another site's clock may be ahead when a token says from when it is valid."""

# --- runtime ----------------------------------------------------------------------------------------------------------

HEALTH_CHECK_SECONDS = 1.0
"""One health check; a hung one counts as failed."""

LOG_TEXT_CHARACTERS_MAX = 2_000
"""Longest text in a log line; the rest is cut."""

LOG_DEPTH_LEVELS_MAX = 4
"""Nesting of a value in a log line; deeper ones are shown by type only."""

DRAIN_SECONDS = 10.0
"""From SIGTERM to the end of the process; the demo's whole stop is bounded by 20 s."""

TASK_RESTART_SECONDS = 0.1
"""First pause before a task that died of a bug starts anew; it doubles."""

TASK_SOUND_SECONDS = 60.0
"""A task that worked for so long before it died is restarted after the shortest pause again."""

TASK_RESTART_SECONDS_MAX = 5.0
"""Longest such pause."""

FLEET_DEADLINE_MILLISECONDS = 5_000
"""Patience for each unit of the site file that is registered at start."""

REBUILD_BATCH_EVENTS_MAX = 5_000
"""Events that a rebuild folds in memory before it writes their rows."""

KPI_INCIDENTS_MAX = 20_000
"""Cases that one answer of measures is made of; a longer period is asked for in parts."""
