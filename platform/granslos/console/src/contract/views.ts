/** What the API and the feed send: the fields of `granslos/contract/views.py` that the console reads. */

export type Durability = "site" | "cluster";
/** RFC 3339 with offset. */
export type Instant = string;

export interface Place {
  latitude?: number | null;
  longitude?: number | null;
  radius_m?: number | null;
  source?: string | null;
  address?: string | null;
  usable?: boolean;
}

export interface Assignment {
  assignment_id: string;
  unit_id: string;
  incident_id: string;
  centre?: string | null;
  state: string;
  active: boolean;
  priority?: string | null;
  contested?: boolean;
  t_alarmed?: Instant | null;
  t_acknowledged?: Instant | null;
  t_on_scene?: Instant | null;
}

export interface Note {
  at: Instant;
  author: string;
  text: string;
}

export interface Assessment {
  at: Instant;
  operator: string;
  priority: string;
  recommended_priority?: string | null;
  reason?: string | null;
  provisional?: boolean;
}

/** What every resource carries; `version` counts the events folded into it. */
export interface Resource {
  id: string;
  durability?: Durability;
  position?: number | null;
  version?: number;
}

export interface Incident extends Resource {
  kind?: string;
  state: string;
  centre: string;
  area?: string | null;
  priority?: string | null;
  recommended_priority?: string | null;
  override_reason?: string | null;
  override_reason_missing?: boolean;
  priority_disputed?: boolean;
  category?: string | null;
  description?: string | null;
  source?: string;
  source_id?: string;
  caller?: { number?: string | null; name?: string | null } | null;
  location?: Place | null;
  language?: string | null;
  defects?: { code: string; text?: string }[];
  test?: boolean;
  answered_by?: string | null;
  answered_centre?: string | null;
  co_listeners?: string[];
  assessments?: Assessment[];
  notes?: Note[];
  assignments?: Assignment[];
  referred_to?: string | null;
  outcome?: string | null;
  review_due_at?: Instant | null;
  merged_into?: string | null;
  conflicts?: string[];
  provisional?: boolean;
  t_112_answered?: Instant | null;
  t_received?: Instant | null;
  t_offered?: Instant | null;
  t_answered?: Instant | null;
  t_prioritised?: Instant | null;
  t_queued?: Instant | null;
  t_parked?: Instant | null;
  t_alarmed?: Instant | null;
  t_on_scene?: Instant | null;
  t_closed?: Instant | null;
}

/** A unit's newest observed position; `at` is when it was observed. */
export interface UnitPosition {
  latitude: number;
  longitude: number;
  at: Instant;
}

export interface Unit extends Resource {
  kind: string;
  centre: string;
  state: string;
  station?: string | null;
  skills?: string[];
  shift_ends_at?: Instant | null;
  incident_id?: string | null;
  assignment?: Assignment | null;
  contested?: string[];
  emergency_since?: Instant | null;
  status_at?: Instant | null;
  flags?: string[];
  /** False when its desk's site is silent, or the unit is out of service. Absent means nobody said so. */
  assignable?: boolean;
  /** True when its dispatch desk's site is silent: visible, not assignable. */
  grey?: boolean;
  last_position?: UnitPosition | null;
}

export interface Desk {
  desk: string;
  authority: string;
  epoch: number;
  why: string;
  since?: Instant | null;
  by?: string | null;
  reason?: string | null;
  provisional?: boolean;
  reachable?: boolean;
  takeover_pending?: boolean;
}

export interface Centre {
  id: string;
  code: string;
  name: string;
  site: string;
  state: string;
  areas?: string[];
  succession?: string[];
  desks: Record<string, Desk>;
  staff?: number;
}

export interface Operator extends Resource {
  state: string;
  centre: string;
  roles?: string[];
}

export interface Conflict {
  id: string;
  kind: string;
  state: string;
  outcome: string;
  text: string;
  level?: number;
  incidents?: string[];
  units?: string[];
  centres?: string[];
  detected_at?: Instant | null;
}

/** What a site says of itself; `sites` is what it hears of the others, by code. */
export interface SiteState {
  code: string;
  name?: string;
  environment?: string;
  version?: string;
  island?: boolean;
  quorum?: boolean;
  log_leader?: string | null;
  log_position?: number;
  lag?: number;
  journal_backlog?: number;
  backlog_age_seconds?: number;
  can_commit?: boolean;
  clock_offset_seconds?: number | null;
  parked_events?: number;
  sites?: Record<string, unknown>;
  alarms?: string[];
}

/** One line of `GET /v1/incidents/{id}/recommendations`. */
export interface Recommendation {
  unit_id: string;
  kind: string;
  standing: string;
  rank: number | null;
  assignable: boolean;
  arrives_in_s: number | null;
  distance_m?: number | null;
  preempts?: string | null;
  crosses_border?: boolean;
  free_left?: number;
  reasons?: { code: string; value?: number | string | null }[];
}

/** Fields of a problem document (RFC 9457) and of the contract's `Problem`. */
export interface Problem {
  code: string;
  title: string;
  detail?: string;
  field?: string | null;
}

/** The answer to a command. */
export interface Answer {
  durability?: Durability | null;
  position?: number | null;
  resource?: Partial<Resource> | null;
  event_ids?: string[];
  island?: boolean;
  site?: string | null;
}
