/** The timeline: a table whose last column draws when each row was, so that it can be read as well as seen. */
import type { Timeline, TimelineRow } from "../api";
import { useZone } from "../airflow";
import { Section, State, Table } from "../parts";
import { usePolled } from "../poll";
import { clock, duration, epoch } from "../times";

const TICKS = 5;

export function TimelineSection({ route, seconds }: { route: string; seconds: number }) {
  const { data, error } = usePolled<Timeline>(`${route}/timeline`, seconds);
  const rows = data?.rows ?? [];
  return (
    <Section title="Timeline">
      {error && <p className="error">{error.message}</p>}
      {data && rows.length === 0 && <p>Nothing has begun yet.</p>}
      {data?.clockNote && <p className="muted">{data.clockNote}</p>}
      {data && rows.length > 0 && <Gantt timeline={data} />}
    </Section>
  );
}

function Gantt({ timeline }: { timeline: Timeline }) {
  const zone = useZone();
  const starts = timeline.rows.map((row) => epoch(row.start) ?? Infinity);
  const ends = timeline.rows.map((row) => epoch(row.end) ?? epoch(row.start) ?? -Infinity);
  const from = epoch(timeline.from) ?? Math.min(...starts);
  const to = Math.max(epoch(timeline.to) ?? Math.max(...ends), from + 1);
  const share = (at: number) => Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));
  const ticks = Array.from({ length: TICKS }, (_, index) => from + ((to - from) * index) / (TICKS - 1));
  return (
    <>
      <p className="muted">
        {clock(from, "UTC")} to {clock(to, "UTC")} UTC
        {zone !== "UTC" && ` (${clock(from, zone)} to ${clock(to, zone)} ${zone})`}. Rows marked{" "}
        <strong>◆ critical</strong> decide when the execution ends.
      </p>
      <Table
        label="Timeline"
        className="timeline"
        head={
          <>
            <th scope="col">What</th>
            <th scope="col">Status</th>
            <th scope="col">Took</th>
            <th scope="col" className="bars">
              <span className="hidden">When</span>
              <svg className="axis" aria-hidden="true" height="14" width="100%">
                {ticks.map((at, index) => (
                  <text
                    key={index}
                    x={`${share(at)}%`}
                    y="11"
                    textAnchor={index === 0 ? "start" : index === TICKS - 1 ? "end" : "middle"}
                  >
                    {clock(at, "UTC", at)}
                  </text>
                ))}
              </svg>
            </th>
          </>
        }
      >
        {timeline.rows.map((row, index) => (
          <Row key={index} row={row} to={to} share={share} />
        ))}
      </Table>
    </>
  );
}

function Row({ row, to, share }: { row: TimelineRow; to: number; share: (at: number) => number }) {
  const start = epoch(row.start) ?? to;
  const end = epoch(row.end);
  const left = share(start);
  const width = Math.max(0.3, share(end ?? to) - left);
  const when = `${clock(start, "UTC")} to ${end === null ? "now" : clock(end, "UTC")} UTC`;
  return (
    <tr className={`kind-${/^[a-z]+$/.test(row.kind) ? row.kind : "other"}${row.critical ? " critical" : ""}`}>
      <th scope="row">
        {row.label} <span className="muted small">{row.kind}</span>
        {row.critical && <span className="mark">◆ critical</span>}
      </th>
      <td>
        <State value={row.status} />
      </td>
      <td className="number">{end === null ? "…" : duration(end - start)}</td>
      <td className="bars">
        <span className="hidden">{when}</span>
        <svg aria-hidden="true" height="16" width="100%">
          <title>{when}</title>
          <rect className="bar" x={`${Math.min(left, 99.7)}%`} y="2" width={`${width}%`} height="12" rx="2" />
        </svg>
      </td>
    </tr>
  );
}
