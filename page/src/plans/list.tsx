/** All plans that the user may see. */
import { useState } from "react";
import { address, type Moment, type PlanRow, type Running } from "../api";
import { Freshness } from "../fresh";
import { Pager, SortBy, State, Table, Time } from "../parts";
import { usePolled, useResting } from "../poll";
import { Link, useTitle } from "../router";
import { days } from "../times";

const LIMIT = 50;
const SECONDS = 5;
const STATES = ["PROTECTED", "FAILED_OVER", "NOT_PROTECTED", "UNKNOWN"];

interface Answer {
  plans: PlanRow[];
  total: number;
  readAt?: Moment;
}

export function PlansPage() {
  const [asked, setAsked] = useState({ search: "", state: "", sort: "title", offset: 0 });
  const ask = (change: Partial<typeof asked>) => setAsked((before) => ({ ...before, offset: 0, ...change }));
  const search = useResting(asked.search);
  const polled = usePolled<Answer>(address(["api", "plans"], { ...asked, search, limit: LIMIT }), SECONDS);
  useTitle("Recovery plans");
  const { data } = polled;
  const head = (by: string, text: string) => (
    <SortBy by={by} sort={asked.sort} onSort={(sort) => ask({ sort })}>
      {text}
    </SortBy>
  );
  return (
    <>
      <h1>Recovery plans</h1>
      <Freshness polled={polled} command="airflow drs plans" />
      <div className="filters">
        <label>
          Search{" "}
          <input type="search" value={asked.search} onChange={(event) => ask({ search: event.target.value })} />
        </label>
        <label>
          State{" "}
          <select value={asked.state} onChange={(event) => ask({ state: event.target.value })}>
            <option value="">all</option>
            {STATES.map((state) => (
              <option key={state} value={state}>
                {state.replaceAll("_", " ")}
              </option>
            ))}
          </select>
        </label>
        {data && <span className="muted">{data.total === 1 ? "1 plan" : `${data.total} plans`}</span>}
      </div>
      {!data && !polled.error && <p>Reading the plans…</p>}
      {data && data.plans.length === 0 && <p>No plan is like this, or you may see none.</p>}
      {data && data.plans.length > 0 && (
        <Table
          label="Recovery plans"
          head={
            <>
              {head("title", "Plan")}
              {head("state", "State")}
              {head("criticality", "Criticality")}
              {head("owner", "Owner")}
              {head("readiness", "Readiness")}
              {head("daysSinceDrill", "Last drill")}
              {head("nextDrill", "Next drill")}
              <th scope="col">Runs now</th>
            </>
          }
        >
          {data.plans.map((plan) => (
            <Row key={plan.planId} plan={plan} />
          ))}
        </Table>
      )}
      {data && (
        <Pager
          what="plans"
          offset={asked.offset}
          limit={LIMIT}
          total={data.total}
          onOffset={(offset) => ask({ offset })}
        />
      )}
    </>
  );
}

function Row({ plan }: { plan: PlanRow }) {
  return (
    <tr>
      <th scope="row">
        <Link to={{ page: "plan", plan: plan.planId }}>{plan.title || plan.planId}</Link>
        {plan.title && plan.title !== plan.planId && <div className="muted small">{plan.planId}</div>}
        {plan.broken && (
          <p className="pre error">
            <strong>✖ The plan does not load.</strong> {plan.broken}
          </p>
        )}
      </th>
      <td>
        <PlanState plan={plan} />
      </td>
      <td>{plan.criticality || "–"}</td>
      <td>{plan.owner || "–"}</td>
      <td>
        <Readiness plan={plan} />
      </td>
      <td>
        <LastDrill plan={plan} />
      </td>
      <td>
        <Time at={plan.nextDrill} />
      </td>
      <td>
        <RunsNow plan={plan.planId} running={plan.running} />
      </td>
    </tr>
  );
}

export function PlanState({ plan }: { plan: PlanRow }) {
  return (
    <>
      <State value={plan.state} />
      {plan.stateSince !== undefined && plan.stateSince !== null && (
        <div className="small">
          since <Time at={plan.stateSince} />
        </div>
      )}
      {plan.stateWhy && <div className="small pre">{plan.stateWhy}</div>}
    </>
  );
}

export function Readiness({ plan }: { plan: PlanRow }) {
  const { readiness } = plan;
  if (!readiness) return <>–</>;
  const counts = [
    readiness.errors ? `${readiness.errors} ${readiness.errors === 1 ? "error" : "errors"}` : "",
    readiness.warnings ? `${readiness.warnings} ${readiness.warnings === 1 ? "warning" : "warnings"}` : "",
  ].filter(Boolean);
  return (
    <>
      <State value={readiness.status} />
      {counts.length > 0 && <div className="small">{counts.join(", ")}</div>}
      {readiness.at !== undefined && readiness.at !== null && (
        <div className="small">
          preflight <Time at={readiness.at} />
        </div>
      )}
    </>
  );
}

export function LastDrill({ plan }: { plan: PlanRow }) {
  const { lastDrill, daysSinceDrill: since, drillEveryDays: every } = plan;
  const overdue = plan.drillOverdue ?? (every !== undefined && since !== undefined && since > every);
  return (
    <>
      {lastDrill ? <State value={lastDrill.result} /> : <span>never</span>}
      {lastDrill?.at !== undefined && lastDrill.at !== null && (
        <div className="small">
          {lastDrill.runId ? (
            <Link to={{ page: "execution", plan: plan.planId, run: lastDrill.runId }}>
              <Time at={lastDrill.at} />
            </Link>
          ) : (
            <Time at={lastDrill.at} />
          )}
        </div>
      )}
      {since !== undefined && since !== null && (
        <div className="small">
          {days(Math.floor(since))} ago{every ? `, due every ${days(every)}` : ""}
        </div>
      )}
      {overdue && <div className="state warn">⚠ overdue</div>}
    </>
  );
}

export function RunsNow({ plan, running }: { plan: string; running: Running[] | undefined }) {
  if (!running?.length) return <>–</>;
  return (
    <ul className="plainlist">
      {running.map((run) => (
        <li key={run.runId}>
          <Link to={{ page: "execution", plan, run: run.runId }}>
            <strong className={run.executionType === "RECOVERY" ? "tag recovery" : "tag drill"}>
              {run.executionType}
            </strong>{" "}
            {run.runId}
          </Link>{" "}
          <State value={run.status} />
        </li>
      ))}
    </ul>
  );
}
