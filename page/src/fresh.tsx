/** How fresh the shown data is, and what to do where Airflow's API server is silent. */
import { useEffect, useRef } from "react";
import { HOME } from "./api";
import { Outside, Time, useAnnounce } from "./parts";
import { useNow, type Polled } from "./poll";
import { duration } from "./times";

/** Data older than this is stale, in seconds. */
const STALE_SECONDS = 30;

export function isStale(polled: Polled<unknown>, now: number): boolean {
  return polled.data !== null && now - polled.receivedAt > STALE_SECONDS * 1000;
}

/** The equivalent command, to copy into a shell. */
export function Command({ text }: { text: string }) {
  return <code className="command">{text}</code>;
}

/** Nothing while all is well; else since when the data is old, why, and which command shows the same. */
export function Freshness({ polled, command }: { polled: Polled<unknown>; command: string }) {
  const now = useNow();
  const announce = useAnnounce();
  const stale = isStale(polled, now);
  const silent = polled.error?.message ?? "";
  const told = useRef("");
  useEffect(() => {
    const text = stale ? `The data is stale. ${silent}` : silent;
    if (text === told.current) return;
    if (text) announce(text);
    else if (told.current) announce("The data is up to date again.");
    told.current = text;
  }, [stale, silent, announce]);
  if (!stale && !polled.error) return null;
  return (
    <div className="notice warn" data-stale={stale}>
      <p>
        <strong>
          <span aria-hidden="true">⚠</span> {stale ? "STALE" : "Not refreshed"}
        </strong>
        {polled.data !== null && (
          <>
            : read at <Time at={polled.receivedAt / 1000} />, {duration((now - polled.receivedAt) / 1000)} ago.
          </>
        )}{" "}
        {silent} {polled.error?.remedy}
      </p>
      {polled.error?.status === 401 && (
        <p>
          <Outside href={HOME.href}>Log in again</Outside>
        </p>
      )}
      <p>
        In a shell: <Command text={command} />
      </p>
    </div>
  );
}
