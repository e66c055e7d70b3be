/** Times and durations for people. */
import type { Moment } from "./api";

export function epoch(moment: Moment | null | undefined): number | null {
  if (moment === null || moment === undefined || moment === "") return null;
  const seconds = typeof moment === "number" ? moment : Date.parse(moment) / 1000;
  return Number.isFinite(seconds) ? seconds : null;
}

/** The two largest units, as the command line writes them: ``8 min 53 s``, ``1 h 02 min``. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.floor(Math.abs(seconds) + 0.5);
  const units: [number, string, number][] = [
    [Math.floor(whole / 86_400), "d", 1],
    [Math.floor(whole / 3600) % 24, "h", 1],
    [Math.floor(whole / 60) % 60, "min", 2],
    [whole % 60, "s", 2],
  ];
  const first = Math.min(
    units.findIndex(([count]) => count > 0) === -1 ? 3 : units.findIndex(([count]) => count > 0),
    3,
  );
  const [count, unit] = units[first]!;
  const next = units[first + 1];
  const tail = next && next[0] ? ` ${String(next[0]).padStart(next[2], "0")} ${next[1]}` : "";
  return `${whole && seconds < 0 ? "-" : ""}${count} ${unit}${tail}`;
}

/** A range such as ``18 min to 26 min``, or one length where both ends read the same. */
export function durationRange(low?: number, high?: number, middle?: number): string {
  if (low === undefined || high === undefined) return duration(middle ?? low ?? high);
  const [from, to] = [duration(low), duration(high)];
  return from === to ? from : `${from} to ${to}`;
}

function parts(seconds: number, timeZone: string): Record<string, string> {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  return Object.fromEntries(format.formatToParts(seconds * 1000).map(({ type, value }) => [type, value]));
}

function day(at: Record<string, string>): string {
  return `${at.year}-${at.month}-${at.day}`;
}

/** ``14:30:05`` today, with the date before it on any other day; in a zone. */
export function clock(seconds: number, timeZone: string, now = Date.now() / 1000): string {
  return dated(parts(seconds, timeZone), parts(now, timeZone));
}

/** The same moment in another zone, after its time in UTC: with the date only where it is another one. */
export function clockAfter(seconds: number, timeZone: string): string {
  return dated(parts(seconds, timeZone), parts(seconds, "UTC"));
}

function dated(at: Record<string, string>, known: Record<string, string>): string {
  const time = `${at.hour}:${at.minute}:${at.second}`;
  return day(at) === day(known) ? time : `${day(at)} ${time}`;
}

export function days(count: number): string {
  return `${count} ${count === 1 ? "day" : "days"}`;
}
