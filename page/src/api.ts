/** Reading and acting through the plugin's routes; every shape is the JSON of a route, every field may be absent. */

/** Epoch seconds (UTC), or an ISO text. */
export type Moment = number | string;

export interface Field {
  name: string;
  label: string;
  help?: string;
  type: "text" | "longtext" | "choice" | "number" | "boolean" | "datetime" | "list";
  required?: boolean;
  choices?: (string | { value: string; label: string })[];
  default?: unknown;
  /** Heading above it, and above those behind it that have the same. */
  section?: string;
}

export interface Act {
  name: string;
  label: string;
  confirmation?: string;
  doesNotStop?: string;
  allowed: boolean;
  why?: string;
  danger?: boolean;
  fields?: Field[];
}

export interface Running {
  runId: string;
  executionType: string;
  status: string;
  startedAt?: Moment;
}

export interface PlanRow {
  planId: string;
  title?: string;
  description?: string;
  criticality?: string;
  owner?: string;
  state?: string;
  stateSince?: Moment;
  stateWhy?: string;
  readiness?: { status: string; at?: Moment; errors?: number; warnings?: number };
  lastDrill?: { result: string; at?: Moment; runId?: string };
  drillEveryDays?: number;
  daysSinceDrill?: number;
  drillOverdue?: boolean;
  nextDrill?: Moment;
  running?: Running[];
  broken?: string;
}

export interface Range {
  lowSeconds?: number;
  seconds?: number;
  highSeconds?: number;
}

export interface PhaseEstimate extends Range {
  name: string;
}

export interface WaveEstimate extends Range {
  number: number;
  name?: string;
  basis?: string;
  phases?: PhaseEstimate[];
}

export interface Estimate extends Range {
  basis?: string;
  criticalPath?: (number | string)[];
  waves?: WaveEstimate[];
}

export interface PlannedWave {
  number: number;
  name: string;
  servers?: number;
  gate?: boolean;
  dependsOn?: (number | string)[];
}

export interface FailedOverServer {
  sourceServerId: string;
  name?: string;
  accountId?: string;
  region?: string;
  originAccountId?: string;
  originRegion?: string;
  originZone?: string;
  instanceId?: string;
  privateIp?: string;
  hostname?: string;
  pointInTime?: Moment;
}

export interface Plan extends PlanRow {
  failover?: { runId?: string; since?: Moment; servers?: FailedOverServer[] };
  waves?: PlannedWave[];
  acts?: Act[];
  estimate?: Record<string, Estimate>;
}

export interface ExecutionRow {
  runId: string;
  executionType?: string;
  status?: string;
  startedAt?: Moment;
  endedAt?: Moment;
  verdict?: string;
  rtaSeconds?: number;
}

export interface Step {
  name: string;
  place?: string;
  status: string;
  output?: string;
}

export interface Wave {
  waveNumber: number;
  waveName: string;
  status: string;
  servers?: Record<string, number>;
  phase?: string;
  fraction?: number;
  remainingSeconds?: number;
  elapsedSeconds?: number;
  expectedSeconds?: number;
  note?: string;
  steps?: Step[];
}

export interface Question {
  taskId: string;
  subject?: string;
  body?: string;
  approvers?: string[];
  openedAt?: Moment;
  deadline?: Moment;
  onTimeout?: string;
  notes?: string[];
}

export interface WaitsFor {
  what: string;
  who?: string;
  since?: Moment;
  deadline?: Moment;
  onTimeout?: string;
  act?: string;
}

export interface Problem {
  what: string;
  cause?: string;
  next?: string;
  act?: string;
}

export interface Finding {
  code: string;
  severity: string;
  subject?: string;
  message?: string;
  remedy?: string;
}

export interface Eta extends Range {
  lowAt?: Moment;
  at?: Moment;
  highAt?: Moment;
  rtoMissSeconds?: number;
}

export interface Execution {
  planId: string;
  dagRunId: string;
  planName?: string;
  executionType: string;
  status: string;
  ended?: boolean;
  attempt?: number;
  startTime?: Moment;
  endTime?: Moment;
  elapsedSeconds?: number;
  expectedSeconds?: number;
  initiatedBy?: string;
  ticket?: string;
  reason?: string;
  executionId?: string;
  verdict?: string;
  errorMessage?: string;
  reportError?: string;
  rto?: {
    objectiveSeconds?: number;
    usedSeconds?: number;
    remainingSeconds?: number;
    countedFrom?: string;
    met?: boolean;
  };
  waves?: Wave[];
  questions?: Question[];
  stepsAround?: Step[];
  instancesLeft?: { accountId?: string; region?: string; instances?: string[]; why?: string }[];
  link?: string;
  readAt?: Moment;
  acts?: Act[];
  eta?: Eta;
  problems?: Problem[];
  waitsFor?: WaitsFor;
  command?: string;
  preflight?: Finding[];
  jobs?: { jobId: string; status?: string; link?: string; wave?: number }[];
  logs?: { taskId: string; link?: string }[];
  report?: { link?: string; error?: string };
  clockNote?: string;
}

export interface Server {
  sourceServerId: string;
  name?: string;
  wave?: number;
  waveName?: string;
  state?: string;
  phase?: string;
  instanceId?: string;
  instanceType?: string;
  privateIp?: string;
  launchTime?: Moment;
  error?: string;
}

export interface TimelineRow {
  label: string;
  kind: string;
  start: Moment;
  end?: Moment | null;
  status?: string;
  critical?: boolean;
  wave?: number;
}

export interface Timeline {
  clock?: string;
  clockNote?: string;
  from?: Moment;
  to?: Moment;
  rows: TimelineRow[];
}

/** Where the page is served: the script lies in its folder ``static``. */
export const HOME = new URL("..", import.meta.url);

/** What a route refused, or what kept it from answering. ``status`` 0: the API server is silent. */
export class RouteError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly remedy = "",
    readonly field = "",
  ) {
    super(message);
  }
}

const PATIENCE_MS = 20_000;

async function ask(path: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(new URL(path, HOME), {
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      ...init,
    });
  } catch (error) {
    if (init.signal?.aborted && init.signal.reason?.name !== "TimeoutError") throw error;
    throw new RouteError(0, "Airflow's API server does not answer.");
  }
  const said = parsed(await response.text().catch(() => ""));
  if (response.ok && said) return said;
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  throw new RouteError(
    response.status,
    text(said?.error) || text(said?.detail) || `Airflow's API server answered ${response.status}.`,
    text(said?.remedy),
    text(said?.field),
  );
}

/** JSON, in which null is as good as absent; null where it is none. */
function parsed(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text, (_name, value: unknown) => value ?? undefined) as Record<string, unknown>;
  } catch {
    return null;
  }
}

export function read<T>(path: string, signal: AbortSignal): Promise<T> {
  return ask(path, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) }) as Promise<T>;
}

export function send<T>(path: string, fields: Record<string, unknown>): Promise<T> {
  return ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(fields),
    signal: AbortSignal.timeout(2 * PATIENCE_MS),
  }) as Promise<T>;
}

/** Write a path of segments and a query; what is empty is left out of the query. */
export function address(segments: (string | number)[], query: Record<string, unknown> = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== undefined && value !== null) asked.set(name, String(value));
  }
  const text = asked.toString();
  return segments.map((each) => encodeURIComponent(each)).join("/") + (text ? `?${text}` : "");
}
