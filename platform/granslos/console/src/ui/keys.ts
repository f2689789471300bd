/** Keys: what each does, and when it does not. The help page is made from the same table. */

import * as commands from "../contract/commands";
import { mayTakeOver, mayWork } from "../feed/identity";
import type { Dictionary } from "../i18n";
import {
  answerCall,
  currentIncident,
  openTakeover,
  parkOrResume,
  proposeUnits,
  setMode,
  show,
  showNew,
  submit,
  undo,
} from "./actions";
import { questionOf } from "./choices";
import { type App, store, VIEWS } from "./store";
import { toggleTheme } from "./theme";

export const VIEW_KEYS = { calls: "S", waiting: "V", units: "E", overview: "L" } as const;

type ActionName = "answer" | "assess" | "assign" | "unassign" | "wait" | "park" | "refer" | "close" | "note" | "status";

/** What the keys for a chosen incident (or unit) do. Keys stay the same in both languages: hands know them. */
export const ACTION_KEYS: Record<ActionName, string> = {
  answer: "A",
  assess: "P",
  assign: "T",
  wait: "W",
  park: "K",
  refer: "H",
  close: "C",
  note: "N",
  unassign: "B",
  status: "X",
};

const onIncident = (run: (id: string) => void) => (): void => {
  const id = currentIncident();
  if (id !== null) run(id);
};

export const ACTIONS: Record<ActionName, () => void> = {
  answer: answerCall,
  assess: onIncident((incident) => setMode({ kind: "priority", incident })),
  assign: onIncident((incident) => void proposeUnits(incident)),
  wait: onIncident((incident) => submit(commands.wait(incident))),
  park: onIncident(parkOrResume),
  refer: onIncident((incident) => setMode({ kind: "refer", incident })),
  close: onIncident((incident) => setMode({ kind: "outcome", incident })),
  note: () => document.getElementById("note")?.focus(),
  unassign: onIncident((incident) => setMode({ kind: "withdraw", incident })),
  status: () => {
    const { view, selected } = store.get();
    if (view === "units" && selected.units !== null) setMode({ kind: "status", unit: selected.units });
  },
};

const byKey = new Map(Object.entries(ACTION_KEYS).map(([name, key]) => [key.toLowerCase(), name as ActionName]));

/** Keys that are about the whole console. */
const GENERAL: Record<string, () => void> = {
  ...Object.fromEntries(VIEWS.map((view) => [VIEW_KEYS[view].toLowerCase(), () => show(view)])),
  ...Object.fromEntries(VIEWS.map((view, n) => [`f${n + 1}`, () => show(view)])),
  u: showNew,
  z: undo,
  m: toggleTheme,
  o: () => mayTakeOver(store.get().identity.role) && openTakeover(),
  "?": () => store.set({ dialog: { kind: "help" } }),
};

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));

/** Runs what a key means here. True when it meant something. */
export function handleKey(event: KeyboardEvent, words: Dictionary): boolean {
  const app = store.get();
  if (!app.isSignedIn || app.dialog !== null || event.ctrlKey || event.metaKey || event.altKey) return false;
  const key = event.key.toLowerCase();
  if (isTyping(event.target)) return leaveField(event, key);
  if (app.mode !== null && answerQuestion(app, key, words)) return true;
  return runAction(app, key) || runGeneral(key);
}

/** In a text field only the function keys and Escape mean anything but themselves. */
function leaveField(event: KeyboardEvent, key: string): boolean {
  if (key === "escape") {
    (event.target as HTMLElement).blur();
    document.querySelector<HTMLElement>("[role=listbox]")?.focus();
    return true;
  }
  return /^f\d$/.test(key) && runGeneral(key);
}

function answerQuestion(app: App, key: string, words: Dictionary): boolean {
  if (app.mode === null) return false;
  const question = questionOf(app, app.mode, words, app.language);
  if (key === "escape") {
    setMode(null);
    return true;
  }
  if (/^\d$/.test(key)) {
    const choice = question.choices.find(({ digit }) => digit === key);
    if (choice && !choice.isDisabled) choice.run();
    return true;
  }
  if (key === "enter" && question.goOn) {
    question.goOn();
    return true;
  }
  // Another action's key goes on with it: an alarm never waits for a reason.
  if (question.goOn && byKey.has(key)) question.goOn();
  return false;
}

function runAction(app: App, key: string): boolean {
  const name = byKey.get(key);
  if (name === undefined || !mayWork(app.identity.role)) return false;
  ACTIONS[name]();
  return true;
}

function runGeneral(key: string): boolean {
  const run = GENERAL[key];
  if (run === undefined) return false;
  run();
  return true;
}
