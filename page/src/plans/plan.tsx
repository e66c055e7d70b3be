/** One plan: its state, what it would take, its executions, and the start of a new one. */
import { useState } from "react";
import { Acts } from "../acts";
import { address, type ExecutionRow, type Plan } from "../api";
import { Freshness } from "../fresh";
import { Pager, Section, State, Table, Time } from "../parts";
import { usePolled } from "../poll";
import { go, Link, useTitle } from "../router";
import { duration } from "../times";
import { Estimates } from "./estimate";
import { FailedOver } from "./failover";
import { LastDrill, PlanState, Readiness, RunsNow } from "./list";

const SECONDS = 5;
const LIMIT = 20;

export function PlanPage({ plan: name }: { plan: string }) {
  const route = address(["api", "plans", name]);
  const polled = usePolled<Plan>(route, SECONDS);
  const plan = polled.data;
  const title = plan?.title || name;
  useTitle(`${title}: recovery plan`);
  return (
    <>
      <nav className="crumbs" aria-label="Where you are">
        <Link to={{ page: "plans" }}>Recovery plans</Link> <span aria-hidden="true">/</span> {title}
      </nav>
      <h1>{title}</h1>
      <Freshness polled={polled} command="airflow drs plans" />
      {!plan && !polled.error && <p>Reading the plan…</p>}
      {plan && (
        <>
          {plan.description && <p className="pre">{plan.description}</p>}
          {plan.broken && (
            <p className="notice bad pre">
              <strong>✖ The plan does not load.</strong> {plan.broken}
            </p>
          )}
          <dl className="tiles">
            <Tile name="State">
              <PlanState plan={plan} />
            </Tile>
            <Tile name="Readiness">
              <Readiness plan={plan} />
            </Tile>
            <Tile name="Last drill">
              <LastDrill plan={plan} />
            </Tile>
            <Tile name="Next drill">
              <Time at={plan.nextDrill} />
            </Tile>
            <Tile name="Criticality">{plan.criticality || "–"}</Tile>
            <Tile name="Owner">{plan.owner || "–"}</Tile>
            <Tile name="Runs now">
              <RunsNow plan={plan.planId} running={plan.running} />
            </Tile>
          </dl>
          {!!plan.acts?.length && (
            <Section title="Acts" className="card inline">
              <Acts
                acts={plan.acts}
                path={`${route}/acts`}
                onDone={({ runId }) =>
                  runId ? go({ page: "execution", plan: plan.planId, run: runId }) : polled.refresh()
                }
              />
            </Section>
          )}
          <FailedOver plan={plan} />
          <PlannedWaves plan={plan} />
          <Estimates route={route} plan={plan} />
          <Executions route={route} plan={plan.planId} />
        </>
      )}
    </>
  );
}

function Tile({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="card">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function PlannedWaves({ plan }: { plan: Plan }) {
  if (!plan.waves?.length) return null;
  return (
    <Section title="Waves">
      <ol className="chain">
        {plan.waves.map((wave) => (
          <li key={wave.number} value={wave.number}>
            <strong>{wave.name}</strong>
            {wave.servers !== undefined && ` · ${wave.servers === 1 ? "1 server" : `${wave.servers} servers`}`}
            {wave.gate && " · a gate before it"}
            {!!wave.dependsOn?.length && ` · after ${wave.dependsOn.join(", ")}`}
          </li>
        ))}
      </ol>
    </Section>
  );
}

function Executions({ route, plan }: { route: string; plan: string }) {
  const [offset, setOffset] = useState(0);
  const { data, error } = usePolled<{ executions: ExecutionRow[]; total: number }>(
    `${route}/executions?offset=${offset}&limit=${LIMIT}`,
    2 * SECONDS,
  );
  const heads = ["Run", "Kind", "Status", "Began", "Ended", "Result", "RTA"];
  return (
    <Section title="Executions">
      {error && <p className="error">{error.message}</p>}
      {data && data.executions.length === 0 && <p>None yet.</p>}
      {data && data.executions.length > 0 && (
        <Table
          label="Executions"
          head={heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        >
          {data.executions.map((run) => (
            <tr key={run.runId}>
              <th scope="row">
                <Link to={{ page: "execution", plan, run: run.runId }}>{run.runId}</Link>
              </th>
              <td>{run.executionType || "–"}</td>
              <td>
                <State value={run.status} />
              </td>
              <td>
                <Time at={run.startedAt} />
              </td>
              <td>
                <Time at={run.endedAt} />
              </td>
              <td>{run.verdict || "–"}</td>
              <td className="number">{duration(run.rtaSeconds)}</td>
            </tr>
          ))}
        </Table>
      )}
      {data && (
        <Pager what="executions" offset={offset} limit={LIMIT} total={data.total} onOffset={setOffset} />
      )}
    </Section>
  );
}
