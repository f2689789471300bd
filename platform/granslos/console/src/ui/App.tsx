import { useEffect } from "react";
import { Banners } from "./Banners";
import { CommandStrip } from "./CommandStrip";
import { Dialogs } from "./Dialogs";
import { Overview } from "./Overview";
import { SignIn } from "./SignIn";
import { useApp, type View } from "./store";
import { TopBar } from "./TopBar";
import { useWords } from "./theme";
import { UnitsView } from "./UnitsView";
import { CallsView, WaitingView } from "./WorkViews";

const PAGES: Record<View, () => React.ReactNode> = {
  calls: CallsView,
  waiting: WaitingView,
  units: UnitsView,
  overview: Overview,
};

export function App() {
  const words = useWords();
  const isSignedIn = useApp((app) => app.isSignedIn);
  const view = useApp((app) => app.view);
  const Page = PAGES[view];
  useEffect(() => {
    document.title = `${words.views[view]} – ${words.title}`;
  }, [words, view]);
  // The keys that follow a change of view are for its list.
  useEffect(() => {
    if (isSignedIn) document.querySelector<HTMLElement>(`[data-view=${view}] [role=listbox]`)?.focus();
  }, [isSignedIn, view]);
  if (!isSignedIn) return <SignIn />;
  return (
    <div className="console">
      <TopBar />
      <Banners />
      <main className="main" data-view={view}>
        <Page key={view} />
      </main>
      <CommandStrip />
      <Dialogs />
    </div>
  );
}
