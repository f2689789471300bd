-- Journal, LOG copy, and the first read model. Forward only.
-- text ids use the C collation: they are compared, never sorted for people.

create table site_state (
    singleton        boolean primary key default true check (singleton),
    site             text not null,
    generation       integer not null default 0,
    journal_head     bigint not null default 0,          -- jseq of the last event of the generation
    journal_hash     text not null default repeat('0', 64),
    next_serial      bigint not null default 1,
    serial_day       text not null default '',
    log_cursor       bigint not null default 0,          -- LOG sequence that event_log and the rows stand at
    log_identity     text not null default '',           -- the stream's creation instant: another one means another stream
    probe            bigint not null default 0
);

-- This site's own events, contiguous within a generation, each holding the hash of the one before.
create table journal (
    generation   integer not null,
    jseq         bigint  not null,
    event_id     text    not null,
    hash         text    not null,
    subject      text    not null,
    body         bytea   not null,
    committed_at timestamptz not null default now(),
    primary key (generation, jseq)
);
create index journal_event on journal (event_id);

-- A full second copy of the LOG. `topics` lists the aggregates that fold this event, as 'kind:id'.
create table event_log (
    log_seq      bigint  primary key,
    site         text    not null,
    generation   integer not null,
    jseq         bigint  not null,
    event_id     text    not null,
    type         text    not null,
    command_id   text    not null,
    at           timestamptz not null,
    late         boolean not null default false,
    twin         smallint not null default 0,             -- 1: repeats an event that another journal brought first; 2: same command, other effect
    topics       text[]  not null,
    hash         text    not null,
    body         bytea   not null
);
create index event_log_topics on event_log using gin (topics);
create index event_log_event on event_log (event_id);
create index event_log_command on event_log (command_id);
create index event_log_chain on event_log (site, generation, jseq);

-- Commands that took effect, for idempotence across sites: the same id, the same effect.
create table command (
    command_id   text primary key,
    command_hash text not null,
    aggregate    text not null,
    aggregate_id text not null,
    status       integer not null default 200,
    at           timestamptz not null default now()
);

-- Read model. `folded` is the fold of the LOG (MessagePack of the domain state), without own pending events, so that a
-- restart goes on from it; `view` is the JSON that readers get: LOG, then own pending events on top.
create table incident (
    id           text primary key,
    kind         text not null,
    state        text not null,
    centre       text not null,
    area         text,
    priority     text,
    rank         integer not null default 99,
    source       text not null default '',
    source_id    text not null default '',
    answered_by  text,
    merged_into  text,
    offered_at   timestamptz,
    review_due_at timestamptz,
    closed_at    timestamptz,
    position     bigint,
    pending      boolean not null default false,
    folded       bytea,
    view         bytea not null
);
create index incident_open on incident (rank, offered_at, id) where state not in ('closed', 'merged');
create index incident_state on incident (state, offered_at, id);
create index incident_area on incident (area, offered_at, id);
create index incident_offered on incident (offered_at, id);

create table handover (
    id           text primary key,
    source       text not null,
    source_id    text not null,
    incident_id  text,
    received_at  timestamptz,
    position     bigint,
    pending      boolean not null default false,
    folded       bytea,
    view         bytea not null
);
create index handover_received on handover (received_at, id);

create table unit (
    id           text primary key,
    kind         text not null,
    centre       text not null,
    state        text not null,
    incident_id  text,
    position     bigint,
    pending      boolean not null default false,
    folded       bytea,
    view         bytea not null
);

create table operator (
    id           text primary key,
    centre       text not null,
    state        text not null,
    position     bigint,
    pending      boolean not null default false,
    folded       bytea,
    view         bytea not null
);

create table centre (
    id           text primary key,
    position     bigint,
    pending      boolean not null default false,
    folded       bytea,
    view         bytea not null
);

create table conflict (
    id           text primary key,
    kind         text not null,
    state        text not null,
    owner        text not null,                           -- 'kind:id' of the aggregate whose fold found it
    detected_at  timestamptz,
    view         bytea not null
);
create index conflict_state on conflict (state, detected_at, id);
create index conflict_owner on conflict (owner);

-- Events that this release cannot read, or that broke a fold: parked, counted, shown; their aggregates take no decisions here.
create table parked_event (
    event_id     text primary key,
    log_seq      bigint,
    type         text not null,
    topics       text[] not null,
    reason       text not null,
    body         bytea not null,
    parked_at    timestamptz not null default now()
);

-- Who did and read what (HSLF-FS 2016:40): append-only.
create table audit (
    id           bigint generated always as identity primary key,
    at           timestamptz not null default now(),
    subject      text not null,
    role         text not null,
    centre       text,
    action       text not null,
    resource     text not null,
    command_id   text,
    outcome      integer not null
);
create index audit_resource on audit (resource, at);

-- One unit's work on an incident, a projection of the unit's claims: an incident's assignments outlive the unit's memory.
create table assignment (
    id           text primary key,
    incident_id  text not null,
    unit_id      text not null,
    active       boolean not null,
    folded       bytea not null
);
create index assignment_incident on assignment (incident_id);
create index assignment_unit on assignment (unit_id) where active;
