/** Preflight's findings, jobs, logs, the report, and what a drill has left. */
import type { Execution, Finding } from "../api";
import { Outside, Section, State, Table } from "../parts";

export function Findings({ findings }: { findings: Finding[] | undefined }) {
  return (
    <Section title="Preflight">
      {!findings?.length && <p>{findings ? "No findings." : "No findings are known."}</p>}
      {!!findings?.length && (
        <Table
          label="Preflight findings"
          head={["Severity", "Finding", "Concerns", "What to do"].map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        >
          {findings.map((finding, index) => (
            <tr key={index}>
              <td>
                <State value={finding.severity} />
              </td>
              <th scope="row">
                {finding.message ?? finding.code}
                <div className="muted small">{finding.code}</div>
              </th>
              <td>{finding.subject ?? "–"}</td>
              <td className="pre">{finding.remedy ?? "–"}</td>
            </tr>
          ))}
        </Table>
      )}
    </Section>
  );
}

export function Papers({ execution }: { execution: Execution }) {
  const { jobs = [], logs = [], report, instancesLeft = [] } = execution;
  const trouble = report?.error ?? execution.reportError;
  return (
    <Section title="Jobs, logs, report">
      {instancesLeft.length > 0 && (
        <div className="notice bad">
          <p>
            <strong>Instances of this drill are left:</strong>
          </p>
          <ul>
            {instancesLeft.map((row, index) => (
              <li key={index}>
                {row.instances?.join(", ")} in {row.accountId} {row.region}
                {row.why && `: ${row.why}`}
              </li>
            ))}
          </ul>
        </div>
      )}
      <div className="papers">
        <div>
          <h3>DRS jobs</h3>
          {jobs.length === 0 && <p>None yet.</p>}
          <ul>
            {jobs.map((job) => (
              <li key={job.jobId}>
                <Outside href={job.link}>{job.jobId}</Outside> <State value={job.status} />
              </li>
            ))}
          </ul>
        </div>
        <div>
          <h3>Logs</h3>
          {logs.length === 0 && <p>None yet.</p>}
          <ul>
            {logs.map((log) => (
              <li key={log.taskId}>
                <Outside href={log.link}>{log.taskId}</Outside>
              </li>
            ))}
          </ul>
        </div>
        <div>
          <h3>Report</h3>
          {report?.link ? (
            <p>
              <Outside href={report.link}>Report of this execution</Outside>
            </p>
          ) : (
            !trouble && <p>None yet: it is written at the end.</p>
          )}
          {trouble && <p className="pre error">{trouble}</p>}
          <p>
            <Outside href={execution.link}>The run in Airflow</Outside>
          </p>
        </div>
      </div>
    </Section>
  );
}
