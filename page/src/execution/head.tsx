/** What is seen first: what this is, what it waits for, how long it takes, what is wrong. */
import { Acts, type Done } from "../acts";
import type { Act, Execution } from "../api";
import { Section, State, Time } from "../parts";
import { duration, durationRange, epoch } from "../times";

interface Acting {
  acts: Act[];
  path: string;
  onDone: (done: Done) => void;
}

const MEANS: Record<string, string> = {
  DRILL: "A test: what it launches is removed again.",
  RECOVERY: "This is real: it launches the servers that are to serve from now on.",
};

export function Banner({ execution }: { execution: Execution }) {
  const kind = execution.executionType;
  const waves = execution.waves ?? [];
  const begun = waves.filter((wave) => wave.status !== "PENDING").map((wave) => wave.waveNumber);
  return (
    <header className={`banner ${kind === "RECOVERY" ? "recovery" : "drill"}`}>
      <p className="kind">{kind}</p>
      <div>
        <h1>
          <span className="hidden">{kind} of </span>
          {execution.planName || execution.planId}
        </h1>
        <p>{MEANS[kind]}</p>
      </div>
      <dl>
        <div>
          <dt>Status</dt>
          <dd>
            <State value={execution.status} />
          </dd>
        </div>
        <div>
          <dt>Attempt</dt>
          <dd>{execution.attempt ?? 1}</dd>
        </div>
        {waves.length > 0 && (
          <div>
            <dt>Wave</dt>
            <dd>
              {Math.max(0, ...begun)} of {waves.length}
            </dd>
          </div>
        )}
        {execution.verdict && (
          <div>
            <dt>Result</dt>
            <dd>{execution.verdict}</dd>
          </div>
        )}
      </dl>
    </header>
  );
}

export function Waits(props: Acting & { execution: Execution; now: number }) {
  const { execution, now } = props;
  const waits = execution.waitsFor;
  const deadline = epoch(waits?.deadline);
  return (
    <Section title="Waits for" className={`card ${waits ? "warn" : ""}`}>
      {!waits && <p>{execution.ended ? "Nothing: it has ended." : "Nobody: it runs by itself."}</p>}
      {waits && (
        <>
          <p className="lead">
            <span aria-hidden="true">‖</span> {waits.what}
          </p>
          <dl className="facts">
            {waits.who && <Fact name="On">{waits.who}</Fact>}
            {waits.since !== undefined && (
              <Fact name="Since">
                <Time at={waits.since} />
              </Fact>
            )}
            {deadline !== null && (
              <Fact name="Until">
                <Time at={deadline} />{" "}
                {deadline * 1000 > now ? `(in ${duration(deadline - now / 1000)})` : "(passed)"}
              </Fact>
            )}
            {waits.onTimeout && <Fact name="Then">{waits.onTimeout}</Fact>}
          </dl>
          {waits.act && <Acts {...props} only={waits.act} />}
        </>
      )}
    </Section>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Times(props: { execution: Execution; now: number; receivedAt: number; stale: boolean }) {
  const { execution, now, receivedAt, stale } = props;
  // The clock goes on between two looks, but not over data that is stale.
  const since = execution.ended || stale ? 0 : Math.max(0, (now - receivedAt) / 1000);
  const elapsed = execution.elapsedSeconds === undefined ? undefined : execution.elapsedSeconds + since;
  const eta = execution.ended ? undefined : execution.eta;
  return (
    <Section title="Time">
      <p className="lead">
        {duration(elapsed)} elapsed
        {execution.expectedSeconds !== undefined && (
          <span className="muted small"> of {duration(execution.expectedSeconds)} expected</span>
        )}
      </p>
      <dl className="facts">
        {eta && (
          <Fact name="ETA">
            in {durationRange(eta.lowSeconds, eta.highSeconds, eta.seconds)}
            {(eta.at ?? eta.highAt) !== undefined && (
              <>
                {": "}
                <Time at={eta.at ?? eta.highAt} />
              </>
            )}
          </Fact>
        )}
        <Rto execution={execution} missSeconds={eta?.rtoMissSeconds} />
        <Fact name="Began">
          <Time at={execution.startTime} />
          {execution.initiatedBy && ` by ${execution.initiatedBy}`}
          {execution.ticket && `, ticket ${execution.ticket}`}
        </Fact>
        {execution.ended && execution.endTime !== undefined && (
          <Fact name="Ended">
            <Time at={execution.endTime} />
          </Fact>
        )}
      </dl>
    </Section>
  );
}

function Rto({ execution, missSeconds }: { execution: Execution; missSeconds: number | undefined }) {
  const rto = execution.rto;
  if (rto?.objectiveSeconds === undefined) return null;
  const left = rto.remainingSeconds ?? 0;
  const missed = rto.met === false || (rto.met === undefined && left < 0);
  return (
    <Fact name="RTO">
      {duration(rto.objectiveSeconds)}
      {rto.usedSeconds !== undefined && `, ${duration(rto.usedSeconds)} used`}
      {rto.countedFrom && ` since the ${rto.countedFrom}`}{" "}
      {missed && <strong className="state bad">✖ missed{left < 0 && ` by ${duration(-left)}`}</strong>}
      {!missed && rto.met && <strong className="state good">✔ met</strong>}
      {!missed && !rto.met && (missSeconds ?? 0) > 0 && (
        <strong className="state bad">⚠ will miss by {duration(missSeconds)}</strong>
      )}
      {!missed && !rto.met && !((missSeconds ?? 0) > 0) && <span>({duration(left)} left)</span>}
    </Fact>
  );
}

/** As many as fit beside what else is seen first; the others can be opened. */
const SHOWN = 2;

export function Problems(props: Acting & { execution: Execution }) {
  const { execution } = props;
  const problems = execution.problems ?? [];
  const one = (problem: (typeof problems)[number], index: number) => (
    <li key={index}>
      <p className="lead">
        <span aria-hidden="true">✖</span> {problem.what}
      </p>
      {problem.cause && <p className="pre cause">{problem.cause}</p>}
      {problem.next && (
        <p className="pre">
          <strong>Next:</strong> {problem.next}
        </p>
      )}
      {problem.act && <Acts {...props} only={problem.act} />}
    </li>
  );
  return (
    <Section title="What is wrong" className={`card ${problems.length ? "bad" : ""}`}>
      {problems.length === 0 && (
        <p>
          {execution.errorMessage ? (
            <span className="pre">{execution.errorMessage}</span>
          ) : (
            <>
              <span aria-hidden="true">✔</span> Nothing is known to be wrong.
            </>
          )}
        </p>
      )}
      <ul className="problems">{problems.slice(0, SHOWN).map(one)}</ul>
      {problems.length > SHOWN && (
        <details>
          <summary>{problems.length - SHOWN} more</summary>
          <ul className="problems">{problems.slice(SHOWN).map(one)}</ul>
        </details>
      )}
    </Section>
  );
}
