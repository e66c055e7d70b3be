/** What has changed between two looks, for people who hear the page. */
import type { Execution } from "../api";

export function changes(before: Execution, now: Execution): string[] {
  const told: string[] = [];
  if ((now.attempt ?? 1) !== (before.attempt ?? 1)) told.push(`Attempt ${now.attempt}.`);
  if (now.status !== before.status) told.push(`${now.executionType} ${now.status}.`);
  const statuses = new Map(before.waves?.map((wave) => [wave.waveNumber, wave.status]));
  for (const wave of now.waves ?? []) {
    if (statuses.get(wave.waveNumber) !== wave.status) {
      told.push(`Wave ${wave.waveNumber} ${wave.waveName}: ${wave.status}.`);
    }
  }
  if (now.waitsFor && now.waitsFor.what !== before.waitsFor?.what) {
    told.push(`It waits for: ${now.waitsFor.what}.`);
  }
  const known = new Set(before.problems?.map((problem) => problem.what));
  for (const problem of now.problems ?? []) if (!known.has(problem.what)) told.push(`Problem: ${problem.what}.`);
  if (now.verdict && now.verdict !== before.verdict) told.push(`Drill result: ${now.verdict}.`);
  return told;
}
