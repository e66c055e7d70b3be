import { StrictMode, useCallback, useLayoutEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { useTheme, theme } from "./airflow";
import { ExecutionPage } from "./execution/page";
import { Announce } from "./parts";
import { PlanPage } from "./plans/plan";
import { PlansPage } from "./plans/list";
import { placeOf } from "./router";
import "./styles.css";

function View() {
  const place = placeOf(window.location.pathname);
  if (place.page === "execution") {
    return <ExecutionPage plan={place.plan} run={place.run} />;
  }
  return place.page === "plan" ? <PlanPage plan={place.plan} /> : <PlansPage />;
}

function Page() {
  const look = useTheme();
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = look;
  }, [look]);
  // Texts that come at once are said as one; the same text twice is a change all the same.
  const [said, setSaid] = useState({ text: "", count: 0 });
  const waiting = useRef<string[]>([]);
  const announce = useCallback((text: string) => {
    if (waiting.current.push(text) > 1) return;
    window.setTimeout(() => {
      const text = waiting.current.splice(0).join(" ");
      setSaid((before) => ({ text, count: before.count + 1 }));
    }, 100);
  }, []);
  return (
    <Announce.Provider value={announce}>
      <main>
        <View />
      </main>
      <div className="hidden" role="status" aria-live="polite" aria-atomic="true" id="announcements">
        <span key={said.count}>{said.text}</span>
      </div>
    </Announce.Provider>
  );
}

document.documentElement.dataset.theme = theme();
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
