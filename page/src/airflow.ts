/** What the page takes from Airflow's own: theme, time zone, and links out of its frame. */
import { useSyncExternalStore } from "react";

/** The document of Airflow's UI around the frame; null where the page stands alone. */
function surrounding(): Document | null {
  try {
    return window.parent === window ? null : window.parent.document;
  } catch {
    return null;
  }
}

// Airflow's UI keeps both in the browser: next-themes under `theme` and as a class of <html>, the zone as JSON.
function stored(name: string): string {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

export function theme(): "light" | "dark" {
  const around = surrounding()?.documentElement.classList;
  if (around?.contains("dark")) return "dark";
  if (around?.contains("light")) return "light";
  const chosen = stored("theme");
  if (chosen === "dark" || chosen === "light") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function zone(): string {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    const chosen: unknown = JSON.parse(stored("timezone"));
    if (typeof chosen !== "string") return own;
    return new Intl.DateTimeFormat("en", { timeZone: chosen }).resolvedOptions().timeZone;
  } catch {
    return own;
  }
}

/** Call back when theme or zone change; Airflow's own document tells of its theme, the browser of what is stored. */
function follow(changed: () => void): () => void {
  const preference = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(changed);
  const around = surrounding();
  if (around) observer.observe(around.documentElement, { attributes: true, attributeFilter: ["class"] });
  preference.addEventListener("change", changed);
  window.addEventListener("storage", changed);
  return () => {
    observer.disconnect();
    preference.removeEventListener("change", changed);
    window.removeEventListener("storage", changed);
  };
}

export function useTheme(): "light" | "dark" {
  return useSyncExternalStore(follow, theme);
}

export function useZone(): string {
  return useSyncExternalStore(follow, zone);
}

/** Return an address that a link may have: http(s) only; null for any other. */
export function safeAddress(link: string | undefined): string | null {
  if (!link) return null;
  try {
    const url = new URL(link, window.location.href);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** Open an address in a new tab. Airflow's frame allows no popups to what is in it, so its document opens them. */
export function openOutside(href: string): boolean {
  const around = surrounding();
  if (!around) return false;
  const anchor = around.createElement("a");
  anchor.href = href;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  anchor.click();
  return true;
}
