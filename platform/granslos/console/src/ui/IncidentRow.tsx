/** One incident in a list. */

import type { Incident } from "../contract/views";
import { hasOpenConflict } from "../feed/board";
import { type Dictionary, wordFor } from "../i18n";
import { isOverdue } from "../work/lists";
import { priorityOf } from "../work/priorities";
import {
  ALARM_AMBER_SHARE,
  ANSWER_AMBER_SECONDS,
  ANSWER_RED_SECONDS,
  levelOfAge,
  levelOfRest,
  REVIEW_AMBER_SECONDS,
  secondsSince,
  secondsUntil,
} from "../work/timers";
import { CentreName, Clock, PriorityChip, Tick } from "./parts";
import { useApp, useSiteNow } from "./store";
import { useWords } from "./theme";

export const placeText = (incident: Incident, words: Dictionary): string => {
  const { address, latitude, longitude } = incident.location ?? {};
  if (address) return address;
  if (typeof latitude === "number" && typeof longitude === "number")
    return `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`;
  return words.incident.noPlace;
};

/** The clock that matters for an incident's state: to the answer, to the alarm, or to the next contact. */
export function IncidentClock({ incident, isLabelled = false }: { incident: Incident; isLabelled?: boolean }) {
  const now = useSiteNow();
  const words = useWords();
  const scale = useApp((app) => app.config.scale);
  const label = (text: string) => (isLabelled ? { label: text } : {});
  if (incident.state === "offered") {
    const seconds = secondsSince(incident.t_offered, now) ?? 0;
    const level = levelOfAge(seconds, ANSWER_AMBER_SECONDS, ANSWER_RED_SECONDS);
    return <Clock seconds={seconds} level={level} {...label(words.clock.answer)} />;
  }
  const rest = incident.state === "waiting" ? secondsUntil(incident.review_due_at, now) : null;
  if (rest !== null) {
    const text = isOverdue(incident, now) ? words.clock.overdue : words.clock.review;
    return <Clock seconds={rest} level={levelOfRest(rest, REVIEW_AMBER_SECONDS)} {...label(text)} />;
  }
  const seconds = secondsSince(incident.t_answered ?? incident.t_offered, now) ?? 0;
  const target = priorityOf(scale, incident.priority)?.alarm_target_seconds;
  const isCounting = typeof target === "number" && !incident.t_alarmed && incident.state !== "closed";
  const level = isCounting ? levelOfAge(seconds, target * ALARM_AMBER_SHARE, target) : "neutral";
  return <Clock seconds={seconds} level={level} {...label(isCounting ? words.clock.alarm : words.clock.age)} />;
}

/** Who holds it, or where it rings, or which units it has. */
function stateText(incident: Incident, me: string | null, words: Dictionary, centreName: string): string {
  if (incident.state === "offered") return words.incident.ringingAt(centreName);
  const units = (incident.assignments ?? []).filter(({ active }) => active);
  if (units.length > 0) {
    return units.map(({ unit_id, state }) => `${unit_id} ${wordFor(words.unitState, state)}`).join(", ");
  }
  const state = wordFor(words.incidentState, incident.state);
  if (!incident.answered_by || incident.state === "closed") return state;
  const who = incident.answered_by === me ? words.incident.you : incident.answered_by;
  return incident.state === "answered" ? words.incident.answeredBy(who) : `${state}, ${who}`;
}

export function IncidentRow({ id, isGone }: { id: string; isGone: boolean }) {
  const words = useWords();
  const incident = useApp((app) => app.board.incidents.get(id));
  const me = useApp((app) => app.identity.subject);
  const centreName = useApp((app) => app.board.centres.get(incident?.centre ?? "")?.name ?? incident?.centre ?? "");
  const conflict = useApp((app) => hasOpenConflict(app.board, incident));
  if (incident === undefined) return <span className="row-gone">{`${id} – ${words.incident.gone}`}</span>;
  return (
    <>
      <PriorityChip
        code={incident.priority}
        proposed={incident.recommended_priority}
        isDisputed={incident.priority_disputed ?? false}
      />
      <IncidentClock incident={incident} />
      <span className="row-main">
        <span className="row-place">{placeText(incident, words)}</span>
        <span className="row-text">{incident.category ?? incident.description ?? words.incident.noDescription}</span>
      </span>
      <span className="row-state">
        <span>
          {incident.test && <b className="badge badge-test">{words.incident.test}</b>}
          {conflict && <b className="badge badge-alarm">⚠ {words.incident.conflict}</b>}
          {isGone ? `${words.incident.gone}: ` : ""}
          {stateText(incident, me, words, centreName)}
        </span>
        <span className="row-id">
          {incident.id} · <CentreName code={incident.centre} />
        </span>
      </span>
      <Tick durability={incident.durability} version={incident.version} />
    </>
  );
}
