/** Where you are, who you are, how old the data is, and the way to each view. */

import { Button } from "react-aria-components";
import { dateText, timeText, wordFor } from "../i18n";
import { DATA_AMBER_SECONDS, DATA_RED_SECONDS, levelOfAge } from "../work/timers";
import { show, signOut } from "./actions";
import { VIEW_KEYS } from "./keys";
import { Clock, Key } from "./parts";
import { store, useApp, useNow, useSiteNow, VIEWS, type View } from "./store";
import { toggleLanguage, toggleTheme, useWords } from "./theme";

export function TopBar() {
  const words = useWords();
  const view = useApp((app) => app.view);
  const environment = useApp((app) => app.config.environment);
  return (
    <header className="top">
      <h1 className="brand">
        {words.title}
        {environment && environment !== "production" && <span className="environment">{environment}</span>}
      </h1>
      <nav aria-label={words.help.views}>
        {VIEWS.map((name) => (
          <button
            key={name}
            type="button"
            className="tab"
            aria-current={name === view ? "page" : undefined}
            aria-keyshortcuts={VIEW_KEYS[name]}
            onClick={() => show(name)}
          >
            <Key>{VIEW_KEYS[name]}</Key> {words.views[name]} <Count view={name} />
          </button>
        ))}
      </nav>
      <SiteStatus />
      <Person />
    </header>
  );
}

/** How much waits in a view, where that is not in sight. */
function Count({ view }: { view: View }) {
  const incidents = useApp((app) => app.board.incidents);
  if (view !== "calls" && view !== "waiting") return null;
  const state = view === "calls" ? "offered" : "waiting";
  const count = [...incidents.values()].filter((incident) => incident.state === state).length;
  if (count === 0) return null;
  return (
    <span className="count" data-urgent={view === "calls" || undefined}>
      {count}
    </span>
  );
}

function SiteStatus() {
  const words = useWords();
  const link = useApp((app) => app.link);
  const beat = useApp((app) => app.board.beat);
  const now = useNow();
  const siteTime = useSiteNow();
  // The age of the others' data as the site says it, and what has passed since it said so.
  const age = beat === null ? null : beat.dataAgeSeconds + Math.max(0, now - beat.heardAt) / 1000;
  return (
    <div className="site-status">
      <span className="site" data-phase={link?.phase ?? "dialling"} data-away={link?.isAway || undefined}>
        <span aria-hidden="true">{link?.phase === "live" ? "●" : "○"}</span> {link?.site.name ?? "–"}{" "}
        {link?.phase !== "live" && <span className="quiet">{words.top[link?.phase ?? "dialling"]}</span>}
      </span>
      {age !== null && (
        <Clock seconds={age} level={levelOfAge(age, DATA_AMBER_SECONDS, DATA_RED_SECONDS)} label={words.top.age} />
      )}
      <time className="now">
        {dateText(siteTime)} <b>{timeText(siteTime)}</b>
      </time>
    </div>
  );
}

function Person() {
  const words = useWords();
  const { subject, role } = useApp((app) => app.identity);
  const who = words.signIn.who(subject ?? words.signIn.nobody, wordFor(words.role, role));
  return (
    <div className="person">
      <span>{who}</span>
      <Button className="icon" aria-label={words.top.help} onPress={() => store.set({ dialog: { kind: "help" } })}>
        ?
      </Button>
      <Button className="icon" aria-label={words.top.theme} onPress={toggleTheme}>
        ◐
      </Button>
      <Button className="icon" lang={words.top.language === "English" ? "en" : "sv"} onPress={toggleLanguage}>
        {words.top.language}
      </Button>
      <Button className="icon" onPress={() => signOut()}>
        {words.signIn.out}
      </Button>
    </div>
  );
}
