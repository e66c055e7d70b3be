/** The page's own addresses, below where it is served: plans, one plan, one execution. */
import { useEffect, useSyncExternalStore, type MouseEvent, type ReactNode } from "react";
import { address, HOME } from "./api";

export type Place =
  | { page: "plans" }
  | { page: "plan"; plan: string }
  | { page: "execution"; plan: string; run: string };

const MOVED = "drs-moved";

export function pathOf(place: Place): string {
  if (place.page === "plans") return HOME.pathname;
  const own = place.page === "plan" ? ["plans", place.plan] : ["executions", place.plan, place.run];
  return HOME.pathname + address(own);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function placeOf(pathname: string): Place {
  const below = pathname.startsWith(HOME.pathname) ? pathname.slice(HOME.pathname.length) : "";
  const [kind, plan, ...run] = below.split("/").map(decoded);
  if (kind === "plans" && plan) return { page: "plan", plan };
  if (kind === "executions" && plan && run[0]) return { page: "execution", plan, run: run.join("/") };
  return { page: "plans" };
}

function follow(changed: () => void): () => void {
  window.addEventListener("popstate", changed);
  window.addEventListener(MOVED, changed);
  return () => {
    window.removeEventListener("popstate", changed);
    window.removeEventListener(MOVED, changed);
  };
}

export function usePlace(): Place {
  return placeOf(useSyncExternalStore(follow, () => window.location.pathname));
}

export function go(place: Place): void {
  window.history.pushState(null, "", pathOf(place));
  window.dispatchEvent(new Event(MOVED));
  window.scrollTo(0, 0);
  moved = true;
}

let moved = false;

/** Name the page, and put the focus on its heading after a move inside the page. */
export function useTitle(title: string, ready = true): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    if (!ready || !moved) return;
    moved = false;
    document.querySelector<HTMLElement>("h1")?.focus();
  }, [ready]);
}

export function Link({ to, children }: { to: Place; children: ReactNode }) {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={pathOf(to)} onClick={follow}>
      {children}
    </a>
  );
}
