/** Every command on its way, and what became of it: pending, ✓ where, ✓✓, or no and why. */

import { Button } from "react-aria-components";
import { AMBER_MS } from "../feed/limits";
import { type Command, isSettled } from "../feed/outbox";
import { type Dictionary, wordFor } from "../i18n";
import { dismiss, sendAgain, undo } from "./actions";
import { COMMAND_MARKS, Key } from "./parts";
import { useApp, useNow } from "./store";
import { useWords } from "./theme";

/** Newest first; what needs a person stays in sight whatever comes after. */
const SHOWN_MAX = 8;

export function CommandStrip() {
  const words = useWords();
  const outbox = useApp((app) => app.outbox);
  const newestFirst = [...outbox].reverse();
  const needsPerson = newestFirst.filter(({ state }) => ["rejected", "failed", "held"].includes(state));
  const rest = newestFirst.filter((command) => !needsPerson.includes(command));
  return (
    <section className="strip" aria-label={words.command.strip} aria-live="polite">
      {outbox.length === 0 && <span className="quiet">{words.command.none}</span>}
      {[...needsPerson, ...rest].slice(0, SHOWN_MAX).map((command) => (
        <CommandItem key={command.id} command={command} />
      ))}
    </section>
  );
}

function CommandItem({ command }: { command: Command }) {
  const words = useWords();
  const now = useNow();
  const sites = useApp((app) => app.config.sites);
  const isAmber = command.state === "site" && now - (command.answeredAt ?? now) >= AMBER_MS;
  const where = sites.find(({ code }) => code === command.savedAt)?.name ?? command.savedAt;
  const isClosing = command.what === "close" && (command.state === "site" || command.state === "cluster");
  return (
    <span
      className="command"
      data-state={isAmber ? "amber" : command.state}
      data-what={command.what}
      data-command={command.id}
    >
      <b aria-hidden="true" className="command-mark">
        {COMMAND_MARKS[command.state]}
      </b>
      <span>
        {wordFor(words.action, command.what)} {command.subject}
      </span>
      <span className="quiet">
        {stateText(command, words)}
        {command.state === "site" && where && ` ${words.command.at(where)}`}
      </span>
      {isClosing && (
        <Button className="action" onPress={undo}>
          <Key>Z</Key> {words.command.undo}
        </Button>
      )}
      {(command.state === "held" || command.state === "failed") && (
        <Button className="action" onPress={() => sendAgain(command.id)}>
          {words.command.again}
        </Button>
      )}
      {(isSettled(command) || command.state === "held" || command.state === "failed") && (
        <Button className="icon" aria-label={words.command.dismiss} onPress={() => dismiss(command.id)}>
          ×
        </Button>
      )}
    </span>
  );
}

function stateText(command: Command, words: Dictionary): string {
  const text = words.tick[command.state];
  if (command.problem === null || !["rejected", "failed"].includes(command.state)) return text;
  return `${text}: ${words.problem[command.problem.code] ?? command.problem.title}`;
}
