/** All that is known of the chosen incident, and what can be done with it. */

import type { Assignment, Incident } from "../contract/views";
import { hasOpenConflict } from "../feed/board";
import { mayWork } from "../feed/identity";
import { type Dictionary, timeText, wordFor } from "../i18n";
import { ActionBar } from "./ActionBar";
import { IncidentClock, placeText } from "./IncidentRow";
import { NoteField } from "./NoteField";
import { CentreName, Fact, PriorityChip, Tick } from "./parts";
import { useApp } from "./store";
import { useWords } from "./theme";

export function IncidentPanel({ id }: { id: string | null }) {
  const words = useWords();
  const incident = useApp((app) => app.board.incidents.get(id ?? ""));
  const role = useApp((app) => app.identity.role);
  if (incident === undefined) return <aside className="panel panel-empty">{words.incident.none}</aside>;
  return (
    <aside className="panel" aria-label={incident.id}>
      <Head incident={incident} />
      <ActionBar incident={incident} />
      <dl className="facts">
        <Fact name={words.incident.place}>
          <PlaceFact incident={incident} />
        </Fact>
        <Fact name={words.incident.caller}>
          {[incident.caller?.number, incident.caller?.name].filter(Boolean).join(" · ") || "–"}
        </Fact>
        <Fact name={words.incident.event}>
          {incident.category && <b>{incident.category}. </b>}
          {incident.description ?? words.incident.noDescription}
        </Fact>
        {incident.language && <Fact name={words.incident.language}>{incident.language}</Fact>}
        {(incident.defects ?? []).length > 0 && (
          <Fact name={words.incident.defects}>
            {(incident.defects ?? []).map(({ code, text }) => text || code).join(" · ")}
          </Fact>
        )}
      </dl>
      <Units incident={incident} />
      <Assessments incident={incident} />
      <Notes incident={incident} />
      {mayWork(role) && <NoteField incident={incident.id} />}
    </aside>
  );
}

function Head({ incident }: { incident: Incident }) {
  const words = useWords();
  const me = useApp((app) => app.identity.subject);
  const who = incident.answered_by === me ? words.incident.you : incident.answered_by;
  return (
    <header className="panel-head">
      <h2>
        <PriorityChip
          code={incident.priority}
          proposed={incident.recommended_priority}
          isDisputed={incident.priority_disputed ?? false}
        />
        {incident.id}
        <Tick durability={incident.durability} version={incident.version} />
      </h2>
      <p>
        <span className="panel-state">{wordFor(words.incidentState, incident.state)}</span>
        {who && <span>{words.incident.answeredBy(who)}</span>}
        <span>
          <CentreName code={incident.centre} />
        </span>
        <IncidentClock incident={incident} isLabelled />
        <Badges incident={incident} words={words} />
      </p>
    </header>
  );
}

function Badges({ incident, words }: { incident: Incident; words: Dictionary }) {
  const hasClash = useApp((app) => hasOpenConflict(app.board, incident));
  const badges: [boolean, string, string][] = [
    [incident.test === true, words.incident.test, "badge badge-test"],
    [incident.provisional === true, words.incident.provisional, "badge"],
    [incident.priority_disputed === true, words.incident.disputed, "badge badge-alarm"],
    [hasClash, `⚠ ${words.incident.conflict}`, "badge badge-alarm"],
    [incident.override_reason_missing === true, words.incident.reasonMissing, "badge badge-warning"],
  ];
  const listeners = incident.co_listeners ?? [];
  return (
    <>
      {badges
        .filter(([isShown]) => isShown)
        .map(([, text, className]) => (
          <b key={text} className={className}>
            {text}
          </b>
        ))}
      {listeners.length > 0 && <span>{words.incident.coListeners(listeners.join(", "))}</span>}
    </>
  );
}

function PlaceFact({ incident }: { incident: Incident }) {
  const words = useWords();
  const { latitude, longitude, radius_m, source, usable } = incident.location ?? {};
  const hasPoint = typeof latitude === "number" && typeof longitude === "number";
  const parts = [
    hasPoint && `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`,
    typeof radius_m === "number" && words.incident.radius(radius_m),
    source,
    usable === false && words.incident.unusable,
    incident.area && `${words.incident.area} ${incident.area}`,
  ].filter(Boolean);
  return (
    <>
      <b>{placeText(incident, words)}</b>
      <br />
      <span className="quiet">{parts.join(" · ")}</span>
    </>
  );
}

function Units({ incident }: { incident: Incident }) {
  const words = useWords();
  const assignments = incident.assignments ?? [];
  const newestFirst = [...assignments].sort((a, b) => Number(b.active) - Number(a.active));
  return (
    <section>
      <h3>{words.incident.units}</h3>
      {assignments.length === 0 && <p className="quiet">{words.incident.noUnits}</p>}
      <ul className="plain">
        {newestFirst.map((assignment) => (
          <li key={assignment.assignment_id} data-quiet={!assignment.active || undefined}>
            <AssignmentLine assignment={assignment} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function AssignmentLine({ assignment }: { assignment: Assignment }) {
  const words = useWords();
  return (
    <>
      <b>{assignment.unit_id}</b> {wordFor(words.unitState, assignment.state)}
      {assignment.t_alarmed && <span className="quiet"> · {timeText(assignment.t_alarmed)}</span>}
      {assignment.contested && <b className="badge badge-alarm">{words.unit.contested}</b>}
    </>
  );
}

function Assessments({ incident }: { incident: Incident }) {
  const words = useWords();
  const assessments = [...(incident.assessments ?? [])].reverse();
  const recommended = incident.recommended_priority;
  if (assessments.length === 0 && !recommended) return null;
  return (
    <section>
      <h3>{words.incident.assessments}</h3>
      {assessments.length === 0 && <p className="quiet">{words.incident.recommended(recommended ?? "")}</p>}
      <ul className="plain">
        {assessments.map((item) => (
          <li key={`${item.at} ${item.operator} ${item.priority}`}>
            <PriorityChip code={item.priority} /> <span className="quiet">{timeText(item.at)}</span> {item.operator}
            {item.recommended_priority && ` · ${words.incident.recommended(item.recommended_priority)}`}
            {item.reason && ` · ${item.reason}`}
            {item.provisional && ` · ${words.incident.provisional}`}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Notes({ incident }: { incident: Incident }) {
  const words = useWords();
  const notes = [...(incident.notes ?? [])].reverse();
  if (notes.length === 0) return null;
  return (
    <section>
      <h3>{words.incident.notes}</h3>
      <ul className="plain notes">
        {notes.map((note) => (
          <li key={`${note.at} ${note.author} ${note.text}`}>
            <span className="quiet">
              {timeText(note.at)} {note.author}
            </span>{" "}
            {note.text}
          </li>
        ))}
      </ul>
    </section>
  );
}
