// The one door from the server's JSON (64-bit integers as texts, "NaN" as a text) to model.ts.
import type {
  Artifact, Attempt, Changes, Compared, Comparison, Importance, Leaderboard, MachineUse, Measurement, Observation, Parameter, Row, Samples, Spec, Sweep,
  Trial, Value, Worker,
} from './model';

type Json = any;

const number = (json: Json): number => Number(json ?? 0);
const optional = (json: Json): number | undefined => (json === undefined || json === null ? undefined : Number(json));
const time = (json: Json): number | undefined => (json ? Date.parse(json) : undefined);
const list = <T>(json: Json, decode: (one: Json) => T): T[] => (json ?? []).map(decode);
const lastPart = (name: Json): string => String(name ?? '').split('/').pop() ?? '';

export function value(json: Json): Value | undefined {
  if (json?.number !== undefined) return Number(json.number);
  if (json?.integer !== undefined) return Number(json.integer);
  return json?.text ?? json?.flag;
}

const parameter = (json: Json): Parameter => ({
  name: json.name,
  distribution: json.distribution ?? '',
  min: value(json.min),
  max: value(json.max),
  values: list(json.values, value).filter((one): one is Value => one !== undefined),
});

const spec = (json: Json): Spec => ({
  name: json.name ?? '',
  model: json.model ?? '',
  trainer: json.trainer ?? '',
  method: json.method ?? '',
  priority: number(json.limits?.priority),
  metric: {
    name: json.metric?.name ?? '',
    minimize: json.metric?.goal !== 'maximize',
    objectives: list(json.metric?.objectives, String),
  },
  parameters: list(json.parameters, parameter),
  training: { maxSteps: number(json.training?.max_steps), batchSize: number(json.training?.batch_size) },
  limits: { trials: number(json.limits?.trials), parallel: number(json.limits?.parallel) },
  earlyTerminate: {
    type: json.early_terminate?.type ?? 'none',
    minSteps: number(json.early_terminate?.min_steps),
    eta: number(json.early_terminate?.eta),
    maxIter: number(json.early_terminate?.max_iter),
    s: number(json.early_terminate?.s),
  },
  raw: json,
});

export function sweep(json: Json): Sweep {
  const counts = json.trial_counts ?? {};
  const best = number(json.best_trial ?? -1);
  return {
    id: lastPart(json.name),
    spec: spec(json.spec ?? {}),
    state: json.state,
    error: json.error ?? '',
    created: time(json.create_time) ?? 0,
    updated: time(json.update_time) ?? 0,
    revision: number(json.revision),
    counts: {
      queued: number(counts.queued), running: number(counts.running), paused: number(counts.paused),
      completed: number(counts.completed), pruned: number(counts.pruned), infeasible: number(counts.infeasible),
      failed: number(counts.failed), cancelled: number(counts.cancelled),
    },
    best: best >= 0 ? { trial: best, value: number(json.best_value) } : undefined,
    baseValue: optional(json.base_value),
    planned: number(json.planned_trials),
    waits: json.waiting_reason ?? '',
    note: json.note ?? '',
    tags: list(json.tags, String),
  };
}

const attempt = (json: Json): Attempt => ({
  number: number(json.number),
  worker: lastPart(json.worker),
  start: time(json.start_time),
  end: time(json.end_time),
  endReason: json.end_reason ?? '',
  startStep: number(json.start_step),
});

const artifact = (json: Json): Artifact => ({
  kind: json.kind,
  step: number(json.step),
  files: list(json.files, (file) => ({ path: file.path, sha256: file.sha256, bytes: number(file.size_bytes) })),
});

const measurement = (json: Json): Measurement => ({
  metric: json.metric,
  value: number(json.value),
  low: optional(json.low),
  high: optional(json.high),
  base: optional(json.base_value),
  count: number(json.count),
  source: json.source ?? '',
});

export function trial(json: Json): Trial {
  const parameters: Record<string, Value> = {};
  for (const [name, one] of Object.entries(json.parameters ?? {})) parameters[name] = value(one) ?? '';
  return {
    number: number(json.number),
    state: json.state,
    parameters,
    suggestionReason: json.suggestion_reason ?? '',
    outcomeReason: json.outcome_reason ?? '',
    step: number(json.step),
    sequences: number(json.sequences),
    tokens: number(json.tokens),
    maxSteps: number(json.max_steps),
    value: optional(json.value),
    created: time(json.create_time),
    start: time(json.start_time),
    end: time(json.end_time),
    attempts: list(json.attempts, attempt),
    artifacts: list(json.artifacts, artifact),
    measurements: list(json.measurements, measurement),
    warmStartOf: optional(json.warm_start_of),
    note: json.note ?? '',
  };
}

export const observation = (json: Json): Observation => ({
  metric: json.metric, step: number(json.step), tokens: number(json.tokens), value: number(json.value),
});

export const samples = (json: Json): Samples => ({
  steps: list(json.steps, number),
  samples: list(json.samples, (one) => ({
    step: number(one.step), row: number(one.row), prompt: one.prompt ?? '', expected: one.expected ?? '', generated: one.generated ?? '', cut: Boolean(one.cut),
  })),
});

const row = (json: Json): Row => ({
  rank: number(json.rank),
  trial: trial(json.trial),
  value: number(json.value),
  stderr: number(json.value_stderr),
  gap: number(json.gap),
  gapStderr: number(json.gap_stderr),
  gapStep: number(json.gap_step),
  tied: Boolean(json.tied_with_best),
  front: number(json.front),
  objectives: list(json.objectives, number),
});

export const leaderboard = (json: Json): Leaderboard => ({
  rows: list(json.rows, row), stepsRun: number(json.steps_run), stepsSaved: number(json.steps_saved), total: number(json.total_rows),
});

const compared = (json: Json): Compared => ({
  sweep: sweep(json.sweep),
  best: json.best ? row(json.best) : undefined,
  difference: json.difference === undefined ? undefined : { value: number(json.difference), stderr: number(json.difference_stderr) },
  progress: list(json.progress, (one) => ({
    trial: number(one.trial_number), value: number(one.value), trials: number(one.trials), steps: number(one.steps), seconds: number(one.seconds),
  })),
  spent: { trials: number(json.trials), steps: number(json.steps), seconds: number(json.seconds) },
});

export const comparison = (json: Json): Comparison => ({
  sweeps: list(json.sweeps, compared),
  differences: list(json.differences, (one) => ({ key: one.key, values: list(one.values, String) })),
  obstacles: list(json.obstacles, String),
});

export const worker = (json: Json): Worker => ({
  id: lastPart(json.name),
  host: json.host ?? '',
  device: json.device ?? '',
  slots: number(json.slots),
  version: json.version ?? '',
  online: Boolean(json.online),
  lastSeen: time(json.last_seen_time) ?? 0,
  labels: Object.entries(json.labels ?? {}).map(([key, text]) => `${key}=${text}`),
  trials: list(json.trials, (name) => String(name).replace(/^sweeps\/(.*)\/trials\//, '$1/')),
});

export const machineUse = (json: Json): MachineUse => ({
  time: time(json.time) ?? 0, seconds: number(json.seconds), cpu: optional(json.cpu), gpu: optional(json.gpu),
});

export const importance = (json: Json): Importance => ({
  trials: number(json.trials),
  parameters: list(json.parameters, (one) => ({
    name: one.parameter,
    share: number(one.importance),
    stderr: number(one.importance_stderr),
    low: value(one.best_low),
    high: value(one.best_high),
    effects: list(one.effects, (effect) => ({ value: value(effect.value), metric: number(effect.metric), stderr: number(effect.metric_stderr) })),
  })),
  fit: number(json.model_fit),
  interactions: list(json.interactions, (one) => ({ first: one.first, second: one.second, share: number(one.share) })),
});

export const changes = (json: Json): Changes => ({
  revision: number(json.revision),
  sweep: json.sweep ? sweep(json.sweep) : undefined,
  trials: list(json.trials, trial),
  observations: list(json.observations, (one) => ({
    trial: number(one.trial_number), observation: observation(one.observation),
  })),
});

