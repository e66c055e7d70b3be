/** The page's own addresses, below where it is served: plans, one plan, one execution.
 *
 * Each is loaded as a document of its own: Airflow's UI follows what its frame loads, so that its address can be
 * shared and reloaded, and the browser's ways back work.
 */
import { useEffect, type ReactNode } from "react";
import { address, HOME } from "./api";

export type Place =
  | { page: "plans" }
  | { page: "plan"; plan: string }
  | { page: "execution"; plan: string; run: string };

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
  const [kind, plan, run] = below.split("/").map(decoded);
  if (kind === "plans" && plan) return { page: "plan", plan };
  if (kind === "executions" && plan && run) return { page: "execution", plan, run };
  return { page: "plans" };
}

export function go(place: Place): void {
  window.location.assign(pathOf(place));
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}

export function Link({ to, children }: { to: Place; children: ReactNode }) {
  return <a href={pathOf(to)}>{children}</a>;
}
