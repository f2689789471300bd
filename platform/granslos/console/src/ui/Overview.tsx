/** The sites, who serves which desk, clashes and who is on duty. */

import { useEffect } from "react";
import { Button } from "react-aria-components";
import * as commands from "../contract/commands";
import type { Centre, Conflict, Desk } from "../contract/views";
import { mayTakeOver, mayWork } from "../feed/identity";
import { OVERVIEW_MS } from "../feed/limits";
import type { Site } from "../feed/session";
import { timeText, wordFor } from "../i18n";
import { clockText } from "../work/timers";
import { goTo, refresh, showIncident, submit } from "./actions";
import { CentreName } from "./parts";
import { store, useApp } from "./store";
import { useWords } from "./theme";

export function Overview() {
  useEffect(() => {
    refresh();
    const timer = setInterval(refresh, OVERVIEW_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className="overview">
      <Sites />
      <Desks />
      <Conflicts />
      <Duty />
    </div>
  );
}

/** What this site says of another one; `sites` of the site's own state. */
interface Heard {
  silent?: boolean;
  lost?: boolean;
  island?: boolean | null;
  last_beat_seconds?: number | null;
  log_position?: number | null;
  backlog?: number | null;
  version?: string | null;
}

function Sites() {
  const words = useWords();
  const sites = useApp((app) => app.config.sites);
  const state = useApp((app) => app.board.siteState);
  return (
    <section className="card card-wide">
      <h2>{words.overview.sites}</h2>
      <table>
        <thead>
          <tr>
            {["site", "heard", "position", "backlog"].map((name) => (
              <th key={name} scope="col">
                {words.overview[name as "site"]}
              </th>
            ))}
            <td />
          </tr>
        </thead>
        <tbody>
          {sites.map((site) => (
            <SiteRow key={site.code} site={site} />
          ))}
        </tbody>
      </table>
      {state && (
        <p className="quiet">
          {[
            `${words.overview.leader}: ${state.log_leader ?? words.overview.none}`,
            `${words.overview.clock}: ${(state.clock_offset_seconds ?? 0).toFixed(3)} s`,
            `${words.overview.parked}: ${state.parked_events ?? 0}`,
            state.version,
          ].join(" · ")}
        </p>
      )}
      {state && (state.alarms ?? []).length > 0 && (
        <p className="badge badge-alarm">
          {words.overview.alarms}: {(state.alarms ?? []).join(" · ")}
        </p>
      )}
    </section>
  );
}

function SiteRow({ site }: { site: Site }) {
  const words = useWords();
  const link = useApp((app) => app.link);
  const isHere = link?.site.code === site.code;
  return (
    <tr>
      <th scope="row">
        {site.name} {site.code === link?.home.code && <span className="quiet">{words.overview.home}</span>}
      </th>
      {isHere ? <ThisSite /> : <OtherSite code={site.code} />}
    </tr>
  );
}

function ThisSite() {
  const words = useWords();
  const beat = useApp((app) => app.board.beat);
  const backlog = useApp((app) => app.board.siteState?.journal_backlog);
  return (
    <>
      <td data-health="good">
        <span aria-hidden="true">●</span> {words.overview.connected}
        {beat?.isIsland && <b className="badge badge-warning">{words.overview.island}</b>}
      </td>
      <td>{beat?.position ?? "–"}</td>
      <td>{backlog ?? "–"}</td>
      <td />
    </>
  );
}

function OtherSite({ code }: { code: string }) {
  const words = useWords();
  const heard = useApp((app) => app.board.siteState?.sites?.[code]) as Heard | undefined;
  const isSilent = heard?.silent === true || heard?.lost === true;
  const age = heard?.last_beat_seconds;
  return (
    <>
      <td data-health={isSilent ? "bad" : "good"}>
        <span aria-hidden="true">{isSilent ? "✕" : "●"}</span> {isSilent ? words.overview.silent : words.overview.ok}{" "}
        {typeof age === "number" && clockText(age)}
        {heard?.island && <b className="badge badge-warning">{words.overview.island}</b>}
      </td>
      <td>{heard?.log_position ?? "–"}</td>
      <td>{heard?.backlog ?? "–"}</td>
      <td>
        <Button className="action" onPress={() => goTo(code)}>
          {words.overview.switchTo}
        </Button>
      </td>
    </>
  );
}

function Desks() {
  const words = useWords();
  const centres = useApp((app) => app.board.centres);
  const collator = new Intl.Collator("sv");
  const sorted = [...centres.values()].sort((a, b) => collator.compare(a.name, b.name));
  return (
    <section className="card card-wide">
      <h2>{words.overview.desks}</h2>
      <table>
        <tbody>
          {sorted.flatMap((centre) =>
            Object.values(centre.desks).map((desk) => (
              <DeskRow key={`${centre.code} ${desk.desk}`} centre={centre} desk={desk} />
            )),
          )}
        </tbody>
      </table>
    </section>
  );
}

type Health = "good" | "bad" | "moved";
const HEALTH_ICONS: Record<Health, string> = { good: "●", bad: "✕", moved: "➝" };

function healthOf(centre: Centre, desk: Desk): Health {
  if (desk.reachable === false) return "bad";
  return desk.authority === centre.site ? "good" : "moved";
}

function DeskRow({ centre, desk }: { centre: Centre; desk: Desk }) {
  const words = useWords();
  const sites = useApp((app) => app.config.sites);
  const health = healthOf(centre, desk);
  const name = sites.find(({ code }) => code === desk.authority)?.name ?? desk.authority;
  const isOrdinary = desk.authority === centre.site && desk.why === "normal";
  const history = `${wordFor(words.why, desk.why)} ${words.overview.since} ${timeText(desk.since)}, ${words.overview.epoch} ${desk.epoch}`;
  return (
    <tr>
      <th scope="row">
        {centre.name} <span className="quiet">{wordFor(words.desk, desk.desk)}</span>
      </th>
      <td data-health={health}>
        <span aria-hidden="true">{HEALTH_ICONS[health]}</span> {name}
        {health === "bad" && ` – ${words.overview.silentDesk}`}
        {desk.provisional && ` (${words.incident.provisional})`}
      </td>
      <td className="quiet">{isOrdinary ? "" : history}</td>
      <td className="quiet">{desk.desk === "calls" && words.overview.staff(centre.staff ?? 0)}</td>
      <td>
        <DeskAction centre={centre} desk={desk} />
      </td>
    </tr>
  );
}

/** Taking over a desk that another site serves, or handing back one that is served here for another. */
function DeskAction({ centre, desk }: { centre: Centre; desk: Desk }) {
  const words = useWords();
  const role = useApp((app) => app.identity.role);
  const here = useApp((app) => app.link?.site.code);
  const isHere = desk.authority === here;
  if (!mayTakeOver(role) || (isHere && centre.site === here)) return null;
  const verb = isHere ? "handback" : "takeover";
  return (
    <Button
      className="action"
      onPress={() => store.set({ dialog: { kind: "desk", verb, centre: centre.code, desk: desk.desk } })}
    >
      {words.action[verb]}
    </Button>
  );
}

function Conflicts() {
  const words = useWords();
  const conflicts = useApp((app) => app.board.conflicts);
  const sorted = [...conflicts.values()].sort(
    (a, b) => (a.level ?? 2) - (b.level ?? 2) || (b.detected_at ?? "").localeCompare(a.detected_at ?? ""),
  );
  return (
    <section className="card">
      <h2>{words.overview.conflicts}</h2>
      {sorted.length === 0 && <p className="quiet">{words.overview.noConflicts}</p>}
      <ul className="plain">
        {sorted.map((conflict) => (
          <ConflictItem key={conflict.id} conflict={conflict} />
        ))}
      </ul>
    </section>
  );
}

function ConflictItem({ conflict }: { conflict: Conflict }) {
  const words = useWords();
  const role = useApp((app) => app.identity.role);
  return (
    <li className="conflict" data-level={conflict.level ?? 2}>
      <p>
        <b className={conflict.level === 1 ? "badge badge-alarm" : "badge"}>
          ⚠ {words.overview.level(conflict.level ?? 2)}
        </b>{" "}
        {conflict.text}
      </p>
      <p className="quiet">
        {[timeText(conflict.detected_at), conflict.outcome, ...(conflict.units ?? [])].filter(Boolean).join(" · ")}
      </p>
      {(conflict.incidents ?? []).map((id) => (
        <Button key={id} className="action" onPress={() => showIncident(id)}>
          {id}
        </Button>
      ))}
      {mayWork(role) && (
        <Button className="action" onPress={() => submit(commands.acknowledge(conflict.id))}>
          {words.action.acknowledge}
        </Button>
      )}
    </li>
  );
}

function Duty() {
  const words = useWords();
  const operators = useApp((app) => app.board.operators);
  const { role, subject, centre } = useApp((app) => app.identity);
  const own = useApp((app) => app.config.site);
  const isOn = (state: string) => state === "on" || state === "on_duty";
  const onDuty = [...operators.values()].filter(({ state }) => isOn(state));
  const amOn = onDuty.some(({ id }) => id === subject);
  return (
    <section className="card">
      <h2>{words.overview.operators}</h2>
      <ul className="plain">
        {onDuty.map(({ id, centre: at, roles }) => (
          <li key={id}>
            {id} <CentreName code={at} />{" "}
            <span className="quiet">{(roles ?? []).map((name) => wordFor(words.role, name)).join(", ")}</span>
          </li>
        ))}
      </ul>
      {mayWork(role) && (
        <Button className="action" onPress={() => submit(commands.duty(!amOn, centre ?? own))}>
          {amOn ? words.action.dutyOff : words.action.dutyOn}
        </Button>
      )}
    </section>
  );
}
