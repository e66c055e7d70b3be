/** One execution, live. */
import { useEffect, useRef } from "react";
import { Acts, type Done } from "../acts";
import { address, type Execution } from "../api";
import { Command, Freshness, isStale } from "../fresh";
import { Section, useAnnounce } from "../parts";
import { useNow, usePolled } from "../poll";
import { go, Link, useTitle } from "../router";
import { changes } from "./changes";
import { Banner, Problems, Times, Waits } from "./head";
import { Findings, Papers } from "./papers";
import { Servers } from "./servers";
import { TimelineSection } from "./timeline";
import { Steps, Waves } from "./waves";

const LIVE_SECONDS = 3;
const ENDED_SECONDS = 30;

export function ExecutionPage({ plan, run }: { plan: string; run: string }) {
  const ended = useRef(false);
  const route = address(["api", "executions", plan, run]);
  const polled = usePolled<Execution>(route, ended.current ? ENDED_SECONDS : LIVE_SECONDS);
  const execution = polled.data;
  ended.current = execution?.ended === true;
  const now = useNow();
  const stale = isStale(polled, now);

  const announce = useAnnounce();
  const before = useRef<Execution | null>(null);
  useEffect(() => {
    if (execution && before.current) changes(before.current, execution).forEach(announce);
    before.current = execution ?? before.current;
  }, [execution, announce]);

  const name = execution?.planName || execution?.planId || plan;
  useTitle(execution ? `${execution.executionType} ${name}: ${execution.status}` : "Recovery");

  const command = execution?.command ?? `airflow drs status '${plan}/${run}'`;
  const done = ({ runId }: Done) => {
    if (runId && runId !== run) go({ page: "execution", plan: execution?.planId ?? plan, run: runId });
    else polled.refresh();
  };
  const acts = { acts: execution?.acts ?? [], path: `${route}/acts`, onDone: done };
  return (
    <>
      <nav className="crumbs" aria-label="Where you are">
        <Link to={{ page: "plans" }}>Recovery plans</Link> <span aria-hidden="true">/</span>{" "}
        <Link to={{ page: "plan", plan: execution?.planId ?? plan }}>{name}</Link>{" "}
        <span aria-hidden="true">/</span> {run}
      </nav>
      {!execution && <h1>{polled.error ? `${plan}/${run}` : "Reading the execution…"}</h1>}
      {execution && <Banner execution={execution} />}
      <Freshness polled={polled} command={command} />
      {execution && (
        <>
          <div className="four">
            <Waits execution={execution} now={now} {...acts} />
            <Times execution={execution} now={now} receivedAt={polled.receivedAt} stale={stale} />
            <Problems execution={execution} {...acts} />
          </div>
          {acts.acts.length > 0 && (
            <Section title="Acts" className="card inline">
              <Acts {...acts} />
            </Section>
          )}
          <Waves execution={execution} />
          <Steps steps={execution.stepsAround} title="Steps around the waves" />
          <Servers route={route} execution={execution} seconds={ended.current ? ENDED_SECONDS : LIVE_SECONDS} />
          <TimelineSection route={route} seconds={ended.current ? ENDED_SECONDS : 2 * LIVE_SECONDS} />
          <Findings findings={execution.preflight} />
          <Papers execution={execution} />
          <p className="muted">
            In a shell: <Command text={command} />
          </p>
        </>
      )}
    </>
  );
}
