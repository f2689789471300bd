import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { DICTIONARIES } from "./i18n";
import "./styles/tokens.css";
import "./styles/layout.css";
import "./styles/parts.css";
import { App } from "./ui/App";
import { leave, signIn } from "./ui/actions";
import { loadConfig, takeToken } from "./ui/boot";
import { handleKey } from "./ui/keys";
import { keepShell } from "./ui/offline";
import { store } from "./ui/store";
import { loadPreferences } from "./ui/theme";

/** Tells whether leaving would abandon something: a call that is held, or a command without an answer. */
function isBusy(): boolean {
  const { board, identity, outbox } = store.get();
  const holds = [...board.incidents.values()].some(
    ({ state, answered_by }) => state === "answered" && identity.subject !== null && answered_by === identity.subject,
  );
  return holds || outbox.some(({ state }) => state === "queued" || state === "sent");
}

async function begin(): Promise<void> {
  loadPreferences();
  const root = document.getElementById("root");
  if (root === null) throw new Error("the page has no root");
  store.set({ config: await loadConfig(location.origin) });
  const token = takeToken();
  if (token !== null) signIn(token);
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
  // Before any component: a component that stops the event must not make a key deaf.
  addEventListener(
    "keydown",
    (event) => {
      if (handleKey(event, DICTIONARIES[store.get().language])) event.preventDefault();
    },
    { capture: true },
  );
  addEventListener("hashchange", () => {
    const given = takeToken();
    if (given !== null && location.hash === "") signIn(given);
  });
  addEventListener("beforeunload", (event) => {
    if (isBusy()) event.preventDefault();
  });
  addEventListener("pagehide", leave);
  keepShell();
}

void begin();
