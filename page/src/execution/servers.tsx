/** Every server: filtered, searched, sorted and paged by the route. */
import { useState } from "react";
import { address, type Execution, type Server } from "../api";
import { Pager, Section, SortBy, State, Table, Time } from "../parts";
import { usePolled, useResting } from "../poll";

const LIMIT = 50;
const SORTED: [by: string, head: string][] = [
  ["name", "Server"],
  ["wave", "Wave"],
  ["state", "State"],
  ["instanceId", "Instance"],
  ["instanceType", "Type"],
  ["privateIp", "Private IP"],
  ["launchTime", "Launched"],
];

interface Answer {
  servers: Server[];
  total: number;
  states?: Record<string, number>;
}

export function Servers({ route, execution, seconds }: { route: string; execution: Execution; seconds: number }) {
  const [asked, setAsked] = useState({ wave: "", state: "", search: "", sort: "wave", offset: 0 });
  const ask = (change: Partial<typeof asked>) => setAsked((before) => ({ ...before, offset: 0, ...change }));
  const search = useResting(asked.search);
  const { data, error } = usePolled<Answer>(
    `${route}/servers?${address([], { ...asked, search, limit: LIMIT }).slice(1)}`,
    seconds,
  );
  const states = Object.entries(data?.states ?? {});
  return (
    <Section title="Servers">
      <div className="filters">
        <label>
          Search{" "}
          <input type="search" value={asked.search} onChange={(event) => ask({ search: event.target.value })} />
        </label>
        <label>
          Wave{" "}
          <select value={asked.wave} onChange={(event) => ask({ wave: event.target.value })}>
            <option value="">all</option>
            {execution.waves?.map((wave) => (
              <option key={wave.waveNumber} value={wave.waveNumber}>
                {wave.waveNumber} {wave.waveName}
              </option>
            ))}
          </select>
        </label>
        <label>
          State{" "}
          <select value={asked.state} onChange={(event) => ask({ state: event.target.value })}>
            <option value="">all</option>
            {asked.state && !states.some(([state]) => state === asked.state) && <option>{asked.state}</option>}
            {states.map(([state, count]) => (
              <option key={state} value={state}>
                {state} ({count})
              </option>
            ))}
          </select>
        </label>
        {data && <span className="muted">{data.total === 1 ? "1 server" : `${data.total} servers`}</span>}
      </div>
      {error && <p className="error">{error.message}</p>}
      {data && data.servers.length === 0 && <p>No server is like this.</p>}
      {data && data.servers.length > 0 && (
        <Table
          label="Servers"
          head={
            <>
              {SORTED.map(([by, head]) => (
                <SortBy key={by} by={by} sort={asked.sort} onSort={(sort) => ask({ sort })}>
                  {head}
                </SortBy>
              ))}
              <th scope="col">Error</th>
            </>
          }
        >
          {data.servers.map((server) => (
            <Row key={`${server.wave}/${server.sourceServerId}`} server={server} />
          ))}
        </Table>
      )}
      {data && (
        <Pager
          what="servers"
          offset={asked.offset}
          limit={LIMIT}
          total={data.total}
          onOffset={(offset) => ask({ offset })}
        />
      )}
    </Section>
  );
}

function Row({ server }: { server: Server }) {
  const none = <span className="muted">–</span>;
  return (
    <tr>
      <th scope="row">
        {server.name || server.sourceServerId}
        {server.name && <div className="muted small nowrap">{server.sourceServerId}</div>}
      </th>
      <td>{[server.wave, server.waveName].filter((each) => each !== undefined).join(" ") || none}</td>
      <td>
        <State value={server.state} />
        {server.phase && <div className="muted small">{server.phase}</div>}
      </td>
      <td className="nowrap">{server.instanceId || none}</td>
      <td>{server.instanceType || none}</td>
      <td>{server.privateIp || none}</td>
      <td>
        <Time at={server.launchTime} />
      </td>
      <td>{server.error ? <span className="pre cause">{server.error}</span> : none}</td>
    </tr>
  );
}
