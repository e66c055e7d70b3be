/** Small parts that all views share. */
import { createContext, useContext, useId, type ReactNode } from "react";
import { openOutside, safeAddress, useZone } from "./airflow";
import type { Moment } from "./api";
import { clock, clockAfter, epoch } from "./times";

// A sign beside each word, so that no state is told by colour alone.
const LOOKS: Record<string, [tone: string, sign: string]> = {
  COMPLETED: ["good", "✔"],
  LAUNCHED: ["good", "✔"],
  PASSED: ["good", "✔"],
  PROTECTED: ["good", "✔"],
  READY: ["good", "✔"],
  SUCCESS: ["good", "✔"],
  ACCEPTED: ["warn", "✔"],
  FAILED: ["bad", "✖"],
  FAILED_OVER: ["bad", "⚠"],
  NOT_READY: ["bad", "✖"],
  UPSTREAM_FAILED: ["bad", "✖"],
  ERROR: ["bad", "✖"],
  PARTIAL: ["warn", "◐"],
  BLOCK: ["bad", "✖"],
  WARN: ["warn", "⚠"],
  NOT_PROTECTED: ["warn", "⚠"],
  WAITING: ["warn", "‖"],
  PAUSED: ["warn", "‖"],
  ASKING: ["warn", "‖"],
  DEFERRED: ["warn", "‖"],
  AWAITING_INPUT: ["warn", "‖"],
  CANCELLING: ["warn", "⊘"],
  CANCELLED: ["muted", "⊘"],
  SKIPPED: ["muted", "↷"],
  TERMINATED: ["muted", "⊘"],
  LAUNCHING: ["busy", "▶"],
  POLLING: ["busy", "▶"],
  IN_PROGRESS: ["busy", "▶"],
  UP_FOR_RETRY: ["busy", "▶"],
  STARTED: ["busy", "▶"],
  RUNNING: ["busy", "▶"],
};

/** A state as a badge: its word, with a sign. */
export function State({ value }: { value: string | undefined }) {
  if (!value) return <span className="muted">–</span>;
  const name = value.toUpperCase().replaceAll(" ", "_");
  const [tone, sign] = LOOKS[name] ?? ["muted", "○"];
  return (
    <span className={`state ${tone}`}>
      <span aria-hidden="true">{sign}</span> {value.replaceAll("_", " ")}
    </span>
  );
}

/** A time in UTC and in the zone that is chosen in Airflow, both named. */
export function Time({ at }: { at: Moment | null | undefined }) {
  const zone = useZone();
  const seconds = epoch(at);
  if (seconds === null) return <span className="muted">–</span>;
  return (
    <time dateTime={new Date(seconds * 1000).toISOString()}>
      <span className="nowrap">{clock(seconds, "UTC")} UTC</span>
      {zone !== "UTC" && " "}
      {zone !== "UTC" && (
        <span className="nowrap zone">
          ({clockAfter(seconds, zone)} {zone})
        </span>
      )}
    </time>
  );
}

/** A link out of the page, to Airflow or AWS; text where its address is no web address. */
export function Outside({ href, children }: { href: string | undefined; children: ReactNode }) {
  const safe = safeAddress(href);
  if (!safe) return <>{children}</>;
  return (
    <a
      href={safe}
      target="_blank"
      rel="noopener noreferrer"
      onClick={(event) => {
        if (openOutside(safe)) event.preventDefault();
      }}
    >
      {children}
      <span className="hidden"> (opens in a new tab)</span>
      <span aria-hidden="true"> ↗</span>
    </a>
  );
}

/** A section with its heading as its name. */
export function Section(props: { title: string; className?: string; note?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section className={props.className ?? "card"} aria-labelledby={id}>
      <h2 id={id}>{props.title}</h2>
      {props.note}
      {props.children}
    </section>
  );
}

/** A table that scrolls sideways in its own region where the window is narrow. */
export function Table(props: { label: string; head: ReactNode; children: ReactNode; className?: string }) {
  return (
    <div className="scroll" role="group" aria-label={`${props.label}, table`} tabIndex={0}>
      <table className={props.className}>
        <caption className="hidden">{props.label}</caption>
        <thead>
          <tr>{props.head}</tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

/** A column's heading that sorts by it: ascending, then descending (`-name`). */
export function SortBy(props: { by: string; sort: string; onSort: (sort: string) => void; children: ReactNode }) {
  const { by, sort } = props;
  const direction = sort === by ? "ascending" : sort === `-${by}` ? "descending" : "none";
  return (
    <th scope="col" aria-sort={direction}>
      <button type="button" className="plain" onClick={() => props.onSort(sort === by ? `-${by}` : by)}>
        {props.children}
        <span aria-hidden="true" className="arrow">
          {direction === "ascending" ? "▲" : direction === "descending" ? "▼" : "↕"}
        </span>
      </button>
    </th>
  );
}

export function Pager(props: {
  what: string;
  offset: number;
  limit: number;
  total: number;
  onOffset: (offset: number) => void;
}) {
  const { offset, limit, total } = props;
  if (total <= limit && offset === 0) return null;
  const last = Math.min(offset + limit, total);
  return (
    <nav className="pager" aria-label={`Pages of ${props.what}`}>
      <button type="button" disabled={offset === 0} onClick={() => props.onOffset(Math.max(0, offset - limit))}>
        ← Previous
      </button>
      <span>
        {total ? offset + 1 : 0} to {last} of {total}
      </span>
      <button type="button" disabled={last >= total} onClick={() => props.onOffset(offset + limit)}>
        Next →
      </button>
    </nav>
  );
}

/** Says a text once to people who hear the page. */
export const Announce = createContext<(text: string) => void>(() => undefined);

export function useAnnounce(): (text: string) => void {
  return useContext(Announce);
}
