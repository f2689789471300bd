/** What can be done with the chosen incident: buttons with their keys, or the open question with its digits. */

import { Button } from "react-aria-components";
import type { Incident } from "../contract/views";
import { mayWork } from "../feed/identity";
import { wordFor } from "../i18n";
import { setMode } from "./actions";
import { type Choice, questionOf } from "./choices";
import { ACTION_KEYS, ACTIONS } from "./keys";
import { Key } from "./parts";
import { store, useApp } from "./store";
import { useWords } from "./theme";

type ActionName = keyof typeof ACTION_KEYS;

/** Which actions an incident's state allows; the site has the last word. */
export function actionsFor(incident: Incident): ActionName[] {
  if (incident.state === "offered") return ["answer", "note"];
  if (incident.state === "closed" || incident.state === "merged") return ["note"];
  const hasUnits = (incident.assignments ?? []).some(({ active }) => active);
  const isTalking = incident.state === "answered" || incident.state === "parked";
  const rest: ActionName[] = [];
  if (incident.state !== "waiting" && !hasUnits) rest.push("wait");
  if (isTalking) rest.push("park");
  if (hasUnits) rest.push("unassign");
  return ["assess", "assign", ...rest, "refer", "close", "note"];
}

export function ActionBar({ incident }: { incident: Incident }) {
  const words = useWords();
  const role = useApp((app) => app.identity.role);
  const mode = useApp((app) => app.mode);
  if (!mayWork(role)) return null;
  if (mode !== null && mode.kind !== "status" && mode.incident === incident.id) return <OpenQuestion />;
  return (
    <div className="actions" role="toolbar" aria-label={incident.id}>
      {actionsFor(incident).map((name) => {
        const isParked = name === "park" && incident.state === "parked";
        return (
          <Button key={name} className="action" aria-keyshortcuts={ACTION_KEYS[name]} onPress={ACTIONS[name]}>
            <Key>{ACTION_KEYS[name]}</Key> {wordFor(words.action, isParked ? "resume" : name)}
          </Button>
        );
      })}
    </div>
  );
}

/** The question that is open, with its answers by digit. */
export function OpenQuestion() {
  const words = useWords();
  const language = useApp((app) => app.language);
  // The whole state: what the answers say may depend on any of it.
  const app = useApp((state) => state);
  if (app.mode === null) return null;
  const { title, status, choices } = questionOf(app, app.mode, words, language);
  return (
    <section className="question" aria-label={title} aria-live="polite">
      <h3>{title}</h3>
      {status && <p role="status">{status}</p>}
      <div className="choices">
        {choices.map((choice) => (
          <ChoiceButton key={choice.digit} choice={choice} />
        ))}
        <Button className="action" aria-keyshortcuts="Escape" onPress={() => setMode(null)}>
          <Key>Esc</Key> {words.choose.cancel}
        </Button>
      </div>
    </section>
  );
}

function ChoiceButton({ choice }: { choice: Choice }) {
  return (
    <Button
      className="action choice"
      isDisabled={choice.isDisabled ?? false}
      aria-keyshortcuts={choice.digit}
      onPress={choice.run}
    >
      <Key>{choice.digit}</Key>
      {choice.level === undefined ? (
        <b>{choice.label}</b>
      ) : (
        <span className="chip" data-level={choice.level}>
          {choice.label}
        </span>
      )}
      {choice.detail && <span className="choice-detail">{choice.detail}</span>}
    </Button>
  );
}

/** The question of a unit's status, where the units are. */
export function UnitQuestion({ unit }: { unit: string }) {
  const words = useWords();
  const mode = useApp((app) => app.mode);
  const role = useApp((app) => app.identity.role);
  if (!mayWork(role)) return null;
  if (mode?.kind === "status" && mode.unit === unit) return <OpenQuestion />;
  return (
    <div className="actions" role="toolbar" aria-label={unit}>
      <Button className="action" aria-keyshortcuts="X" onPress={() => store.set({ mode: { kind: "status", unit } })}>
        <Key>X</Key> {words.action.status}
      </Button>
    </div>
  );
}
