/** What an execution would take before anything starts, and what if a wave took longer. */
import { useState } from "react";
import { address, type Estimate, type Plan } from "../api";
import { Section, Table } from "../parts";
import { usePolled, useResting } from "../poll";
import { duration, durationRange } from "../times";

const OFTEN = 60;
const BASES: Record<string, string> = {
  plan: "from earlier executions of this plan",
  estate: "from earlier executions of all plans",
  profile: "from the documented profile: no execution of this kind is known yet",
};

export function Estimates({ route, plan }: { route: string; plan: Plan }) {
  const kinds = Object.keys(plan.estimate ?? {});
  const [kind, setKind] = useState("");
  const [factors, setFactors] = useState<Record<string, string>>({});
  const asked = useResting(factors);
  const chosen = kind || kinds[0] || "";
  const changed = Object.entries(asked).filter(([, factor]) => Number(factor) > 0 && Number(factor) !== 1);
  const query = Object.fromEntries(changed.map(([wave, factor]) => [`factor.${wave}`, factor]));
  const path = address([], { executionType: chosen.toUpperCase(), ...query }).slice(1);
  const whatIf = usePolled<Estimate>(changed.length ? `${route}/estimate?${path}` : null, OFTEN);
  const estimate = changed.length ? whatIf.data : plan.estimate?.[chosen];
  if (!kinds.length) return null;
  const critical = new Set(estimate?.criticalPath?.map(String));
  const phases = [...new Set((estimate?.waves ?? []).flatMap((wave) => wave.phases?.map(({ name }) => name) ?? []))];
  return (
    <Section title="What it would take">
      <div className="filters">
        <label>
          Kind{" "}
          <select value={chosen} onChange={(event) => setKind(event.target.value)}>
            {kinds.map((each) => (
              <option key={each} value={each}>
                {each.toUpperCase()}
              </option>
            ))}
          </select>
        </label>
        {Object.keys(factors).length > 0 && (
          <button type="button" onClick={() => setFactors({})}>
            Back to the estimate
          </button>
        )}
      </div>
      {whatIf.error && changed.length > 0 && <p className="error">{whatIf.error.message}</p>}
      {estimate && (
        <>
          <p className="lead">
            {changed.length > 0 && "What if: "}
            {duration(estimate.seconds)}{" "}
            <span className="muted small">
              ({durationRange(estimate.lowSeconds, estimate.highSeconds)}
              {estimate.basis && `; ${BASES[estimate.basis] ?? estimate.basis}`}), without waiting for people
            </span>
          </p>
          <Table
            label="Estimate of each wave"
            head={["Wave", "Expected", "Range", ...phases, "What if"].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          >
            {estimate.waves?.map((wave) => (
              <tr key={wave.number}>
                <th scope="row">
                  {wave.number} {wave.name}
                  {(critical.has(String(wave.number)) || critical.has(wave.name ?? "")) && (
                    <span className="mark">◆ critical</span>
                  )}
                </th>
                <td className="number">{duration(wave.seconds)}</td>
                <td className="number">{durationRange(wave.lowSeconds, wave.highSeconds)}</td>
                {phases.map((name) => (
                  <td key={name} className="number">
                    {duration(wave.phases?.find((phase) => phase.name === name)?.seconds)}
                  </td>
                ))}
                <td>
                  <input
                    type="number"
                    min="0.1"
                    max="100"
                    step="0.1"
                    className="factor"
                    aria-label={`Times as long for wave ${wave.number} ${wave.name ?? ""}`}
                    value={factors[wave.number] ?? "1"}
                    onChange={(event) => {
                      const { value } = event.target;
                      setFactors((before) => ({ ...before, [wave.number]: value }));
                    }}
                  />{" "}
                  times as long
                </td>
              </tr>
            ))}
          </Table>
        </>
      )}
    </Section>
  );
}
