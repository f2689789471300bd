/** What must be said above everything else. */

import { Button } from "react-aria-components";
import { mayTakeOver } from "../feed/identity";
import { type Dictionary, timeText, wordFor } from "../i18n";
import { type Banner, bannersOf } from "../work/banners";
import { goTo, show } from "./actions";
import { Key } from "./parts";
import { type App, store, useApp, useNow } from "./store";
import { useWords } from "./theme";

const ICONS = { alarm: "⚠", warning: "△", notice: "ℹ" } as const;

export function Banners() {
  const words = useWords();
  const board = useApp((app) => app.board);
  const link = useApp((app) => app.link);
  const outbox = useApp((app) => app.outbox);
  const sites = useApp((app) => app.config.sites);
  const now = useNow();
  const banners = link === null ? [] : bannersOf({ board, link, outbox, now });
  return (
    <div className="banners" role="status" aria-live="polite">
      {banners.map((banner) => (
        <div key={banner.key} className="banner" data-severity={banner.severity} data-kind={banner.kind}>
          <span aria-hidden="true">{ICONS[banner.severity]}</span>
          <span className="banner-text">{textOf(banner, words, sites)}</span>
          <BannerAction banner={banner} />
        </div>
      ))}
    </div>
  );
}

function textOf(banner: Banner, words: Dictionary, sites: App["config"]["sites"]): string {
  const nameOf = (code: string) => sites.find((site) => site.code === code)?.name ?? code;
  const say = words.banner;
  switch (banner.kind) {
    case "offline":
      return say.offline(banner.seconds, banner.isLoaded);
    case "away":
      return say.away(banner.site, banner.home, banner.homeAnswers);
    case "island":
      return say.island(banner.site, banner.seconds);
    case "unticked":
      return say.unticked(banner.count, banner.seconds);
    case "stranded":
      return say.stranded(nameOf(banner.site), banner.ids);
    case "oldData":
      return say.oldData(banner.seconds);
    case "conflicts":
      return say.conflicts(banner.count);
    case "deskSilent": {
      const text = say.deskSilent(banner.centreName, wordFor(words.desk, banner.desk), nameOf(banner.site));
      return banner.isPending ? `${text} ${say.deskPending}` : text;
    }
    case "deskMoved":
      return say.deskMoved(
        banner.centreName,
        wordFor(words.desk, banner.desk),
        nameOf(banner.site),
        timeText(banner.since),
      );
    case "notUnderstood":
      return say.notUnderstood(banner.count);
  }
}

function BannerAction({ banner }: { banner: Banner }) {
  const words = useWords();
  const role = useApp((app) => app.identity.role);
  const home = useApp((app) => app.link?.home.code);
  if (banner.kind === "away" && banner.homeAnswers && home !== undefined) {
    return (
      <Button className="action" onPress={() => goTo(home)}>
        {words.banner.goHome}
      </Button>
    );
  }
  if (banner.kind === "conflicts") {
    return (
      <Button className="action" onPress={() => show("overview")}>
        <Key>L</Key> {words.banner.show}
      </Button>
    );
  }
  if (banner.kind === "deskSilent" && mayTakeOver(role)) {
    const { centre, desk } = banner;
    return (
      <Button
        className="action"
        onPress={() => store.set({ dialog: { kind: "desk", verb: "takeover", centre, desk } })}
      >
        <Key>O</Key> {words.action.takeover}
      </Button>
    );
  }
  return null;
}
