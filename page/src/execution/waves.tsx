/** Every wave with its progress and phase, and the steps that have begun. */
import type { Execution, Step, Wave } from "../api";
import { Section, State, Table } from "../parts";
import { duration } from "../times";

export function Waves({ execution }: { execution: Execution }) {
  const waves = execution.waves ?? [];
  const heads = ["Wave", "Status", "Phase", "Progress", "Servers", "Elapsed", "Expected", "About left"];
  return (
    <Section title="Waves">
      {waves.length === 0 ? (
        <p>No wave is known yet.</p>
      ) : (
        <Table
          label="Waves"
          head={heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        >
          {waves.map((wave) => (
            <Row key={wave.waveNumber} wave={wave} />
          ))}
        </Table>
      )}
      {waves.map((wave) => (
        <Steps key={wave.waveNumber} steps={wave.steps} title={`Steps of wave ${wave.waveNumber} ${wave.waveName}`} />
      ))}
    </Section>
  );
}

function Row({ wave }: { wave: Wave }) {
  const counts = Object.entries(wave.servers ?? {}).filter(([, count]) => count > 0);
  return (
    <tr>
      <th scope="row">
        {wave.waveNumber} {wave.waveName}
      </th>
      <td>
        <State value={wave.status} />
        {wave.note && <p className="pre cause">{wave.note}</p>}
      </td>
      <td>{wave.phase || <span className="muted">–</span>}</td>
      <td>
        {wave.fraction === undefined ? (
          <span className="muted">–</span>
        ) : (
          <span className="nowrap">
            <progress
              max={1}
              value={wave.fraction}
              aria-label={`Progress of wave ${wave.waveNumber} ${wave.waveName}`}
            />{" "}
            {Math.round(wave.fraction * 100)} %
          </span>
        )}
      </td>
      <td>
        {counts.map(([state, count]) => `${count} ${state}`).join(", ") || <span className="muted">–</span>}
      </td>
      <td className="number">{duration(wave.elapsedSeconds)}</td>
      <td className="number">{duration(wave.expectedSeconds)}</td>
      <td className="number">{duration(wave.remainingSeconds)}</td>
    </tr>
  );
}

export function Steps({ steps, title }: { steps: Step[] | undefined; title: string }) {
  if (!steps?.length) return null;
  return (
    <section className="steps" aria-label={title}>
      <h3>{title}</h3>
      <ul>
        {steps.map((step) => (
          <li key={`${step.place}/${step.name}`}>
            <State value={step.status} /> <strong>{step.name}</strong>
            {step.place && <span className="muted"> ({step.place})</span>}
            {step.output && <p className="pre cause">{step.output}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}
