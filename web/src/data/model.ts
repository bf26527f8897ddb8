// What the server answers, in the form that the views use: numbers are numbers, times are milliseconds, names are ids.

export type Value = number | string | boolean;
export type TrialState =
  | 'QUEUED' | 'RUNNING' | 'PAUSED' | 'COMPLETED' | 'PRUNED' | 'INFEASIBLE' | 'FAILED' | 'CANCELLED';
export type SweepState = 'RUNNING' | 'PAUSED' | 'STOPPING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';

export interface Parameter {
  name: string;
  distribution: string;
  min?: Value;
  max?: Value;
  values: Value[];
}

export interface Spec {
  name: string;
  model: string;
  trainer: string;
  method: string;
  priority: number;
  metric: { name: string; minimize: boolean; objectives: string[] };
  parameters: Parameter[];
  training: { maxSteps: number; batchSize: number };
  limits: { trials: number; parallel: number };
  earlyTerminate: { type: string; minSteps: number; eta: number; maxIter: number; s: number };
  raw: unknown;  // as the server wrote it, to be sent again
}

export interface Sweep {
  id: string;
  spec: Spec;
  state: SweepState;
  error: string;
  created: number;
  updated: number;
  revision: number;
  counts: Record<Lowercase<TrialState>, number>;
  best?: { trial: number; value: number };
  baseValue?: number;
  planned: number;  // 0: no limit
  waits: string;  // "waits for a worker with gpu=a100"; empty: for nothing
  note: string;
  tags: string[];
}

export interface Attempt {
  number: number;
  worker: string;
  start?: number;
  end?: number;
  endReason: string;
  startStep: number;
}

export interface Artifact {
  kind: string;
  step: number;
  files: { path: string; sha256: string; bytes: number }[];
}

export interface Trial {
  number: number;
  state: TrialState;
  parameters: Record<string, Value>;
  suggestionReason: string;
  outcomeReason: string;
  step: number;
  sequences: number;
  tokens: number;
  maxSteps: number;
  value?: number;
  created?: number;
  start?: number;
  end?: number;
  attempts: Attempt[];
  artifacts: Artifact[];
  measurements: Measurement[];
  warmStartOf?: number;  // the trial whose adapter it went on from
  note: string;
}

// What was measured of a trial's result.
export interface Measurement {
  metric: string;
  value: number;
  low?: number;  // a 95 % interval
  high?: number;
  base?: number;  // the base model's
  count: number;
  source: string;
}

// What the adapter answered to a validation row, as it was at a validation.
export interface Sample {
  step: number;
  row: number;
  prompt: string;
  expected: string;
  generated: string;
  cut: boolean;  // it did not end within training.samples_tokens
}

export interface Samples {
  steps: number[];  // that there are samples of
  samples: Sample[];  // of the step asked for
}

export interface Observation {
  metric: string;
  step: number;
  tokens: number;
  value: number;
}

export interface Row {
  rank: number;
  trial: Trial;
  value: number;
  stderr: number;
  gap: number;  // to rank 1, positive is worse
  gapStderr: number;
  gapStep: number;
  tied: boolean;  // not distinguishable from rank 1
  front: number;
  objectives: number[];
}

export interface Leaderboard {
  rows: Row[];
  stepsRun: number;
  stepsSaved: number;
  total: number;  // rows that there are, of which these are some
}

// What a sweep had found once a trial had ended, and what was spent until then.
export interface BestSoFar {
  trial: number;
  value: number;
  trials: number;
  steps: number;
  seconds: number;
}

export interface Compared {
  sweep: Sweep;
  best?: Row;
  difference?: { value: number; stderr: number };  // to the first sweep's best, positive is worse
  progress: BestSoFar[];
  spent: { trials: number; steps: number; seconds: number };
}

export interface Comparison {
  sweeps: Compared[];
  differences: { key: string; values: string[] }[];
  obstacles: string[];  // why the values do not compare
}

export interface Worker {
  id: string;
  host: string;
  device: string;
  slots: number;
  version: string;
  online: boolean;
  lastSeen: number;
  labels: string[];  // "gpu=a100"
  trials: string[];  // "math-tutor/3"
}

// How busy a worker's machine was, in the `seconds` before `time`; shares of 1.
export interface MachineUse {
  time: number;
  seconds: number;
  cpu?: number;
  gpu?: number;
}

export interface Importance {
  trials: number;
  fit: number;  // share of the variance that the model of the results predicts
  parameters: {
    name: string; share: number; stderr: number; low?: Value; high?: Value;
    effects: { value?: Value; metric: number; stderr: number }[];  // in the parameter's order
  }[];
  interactions: { first: string; second: string; share: number }[];
}

export interface Changes {
  revision: number;
  sweep?: Sweep;
  trials: Trial[];
  observations: { trial: number; observation: Observation }[];
}

export const ended = (state: TrialState): boolean => !['QUEUED', 'RUNNING', 'PAUSED'].includes(state);
export const sweepEnded = (state: SweepState): boolean => ['COMPLETED', 'CANCELLED', 'FAILED'].includes(state);
export const total = (sweep: Sweep): number => Object.values(sweep.counts).reduce((a, b) => a + b, 0);
export const endedCount = (sweep: Sweep): number =>
  total(sweep) - sweep.counts.queued - sweep.counts.running - sweep.counts.paused;
