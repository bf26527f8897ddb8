// Validation and training loss of all trials: who is winning, and what is odd?
import { useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Curves } from '../charts/curves';
import type { Line, Mark } from '../charts/curve_painter';
import { rangeOf } from '../charts/scale';
import { smooth, type Curve } from '../data/curves';
import { matches } from '../data/filter';
import type { LiveSweep } from '../data/live';
import { metricWords } from '../data/format';
import type { Row, Sweep, TrialState } from '../data/model';
import { route, setQuery } from '../data/route';
import { brushed, hovered, picked } from '../data/selection';
import { colour, dark } from '../data/theme';
import { useKeysOf } from '../parts/keys';

// Where the sweep's pruner decides, in steps at the sweep's batch size.
export function rungs(sweep: Sweep): number[] {
  const { type, minSteps, eta, maxIter, s } = sweep.spec.earlyTerminate;
  if (!['asha', 'hyperband', 'paired', 'pasha'].includes(type) || !(eta > 1)) return [];
  const last = sweep.spec.training.maxSteps;
  if (maxIter > 0) return Array.from({ length: s }, (_, k) => maxIter / eta ** (s - k)).filter((one) => one >= 1 && one < last);
  const steps: number[] = [];
  for (let step = minSteps; step > 0 && step < last && steps.length < 20; step *= eta) steps.push(Math.round(step));
  return steps;
}

interface Look {
  tone: string;
  width: number;
  alpha: number;
}

const looks: Partial<Record<TrialState, Look>> = {
  RUNNING: { tone: 'running', width: 1.6, alpha: 0.95 },
  PAUSED: { tone: 'paused', width: 1.3, alpha: 0.8 },
  QUEUED: { tone: 'running', width: 1.3, alpha: 0.6 },
  PRUNED: { tone: 'pruned', width: 1, alpha: 0.55 },
  INFEASIBLE: { tone: 'failed', width: 1, alpha: 0.5 },
  FAILED: { tone: 'failed', width: 1, alpha: 0.5 },
};
const done: Look = { tone: 'line', width: 1.3, alpha: 0.85 };

export interface Settings {
  metrics: { name: string; dashed: boolean }[];
  tokens: boolean;
  logX: boolean;
  logY: boolean;
  weight: number;
}

export function lineOf(trial: number, curve: Curve, settings: Settings, dashed: boolean, look: Look, ends: boolean): Line {
  const y = smooth(curve.values, settings.weight);
  return {
    trial, x: settings.tokens ? curve.tokens : curve.steps, y, raw: settings.weight > 0 ? curve.values : undefined,
    colour: colour(look.tone), width: dashed ? look.width * 0.8 : look.width, alpha: dashed ? look.alpha * 0.7 : look.alpha, dashed, ends,
  };
}

// Lines of all trials, those that matter last, on top.
function linesOf(live: LiveSweep, settings: Settings, rowOf: (trial: number) => Row | undefined,
                 show: ((row: Row) => boolean) | undefined): Line[] {
  const best = live.sweep.value?.best?.trial;
  const order = (trial: number): number => (trial === best ? 2 : live.trials.get(trial)?.state === 'RUNNING' ? 1 : 0);
  const lines: Line[] = [];
  for (const trial of [...live.curves.keys()].sort((a, b) => order(a) - order(b))) {
    const row = rowOf(trial);
    if (show && (!row || !show(row))) continue;
    const state = live.trials.get(trial)?.state ?? row?.trial.state ?? 'COMPLETED';
    const look = trial === best ? { tone: 'best', width: 2.4, alpha: 1 } : (looks[state] ?? done);
    for (const { name, dashed } of settings.metrics) {
      const curve = live.curves.get(trial)?.get(name);
      if (curve) lines.push(lineOf(trial, curve, settings, dashed, look, !dashed && (state === 'RUNNING' || trial === best)));
    }
  }
  return lines;
}

// The lines of marked trials come out, all others step back.
function emphasise(lines: Line[], marked: Set<number>, best: number | undefined): Line[] {
  if (marked.size === 0) return lines;
  const strong = (line: Line): Line => ({
    ...line, colour: colour(line.trial === best ? 'best' : 'text'), width: line.dashed ? 1.8 : 2.6, alpha: 1, ends: !line.dashed,
  });
  return [
    ...lines.filter((line) => !marked.has(line.trial)).map((line) => ({ ...line, alpha: line.alpha * 0.45 })),
    ...lines.filter((line) => marked.has(line.trial)).map(strong),
  ];
}

export function readSettings(sweep: Sweep): Settings {
  const query = route.value.query;
  const main = sweep.spec.metric.name;
  const chosen = query.get('curve') ?? 'main';
  const train = { name: 'train/loss', dashed: true };
  const metrics = chosen === 'train' ? [{ ...train, dashed: false }] : chosen === 'both' ? [train, { name: main, dashed: false }]
    : [{ name: chosen === 'main' ? main : chosen, dashed: false }];
  return {
    metrics, tokens: query.get('x') === 'tokens', logX: query.has('logx'), logY: query.has('logy'), weight: Number(query.get('smooth') ?? 0),
  };
}

const toggle = (key: string): void => setQuery({ [key]: route.value.query.has(key) ? '' : '1' });

export function CurveControls({ sweep, metrics }: { sweep: Sweep; metrics: string[] }) {
  const query = route.value.query;
  const main = sweep.spec.metric.name;
  const others = metrics.filter((one) => one !== main && one !== 'train/loss');
  return (
    <div class="controls">
      <select aria-label="Curve" value={query.get('curve') ?? 'main'} onChange={(event) => setQuery({ curve: event.currentTarget.value === 'main' ? '' : event.currentTarget.value })}>
        <option value="main">{metricWords(main)}</option>
        {metrics.includes('train/loss') && main !== 'train/loss' && <option value="train">train loss</option>}
        {metrics.includes('train/loss') && main !== 'train/loss' && <option value="both">both (train dashed)</option>}
        {others.map((one) => <option key={one} value={one}>{metricWords(one)}</option>)}
      </select>
      <select aria-label="Horizontal axis" value={query.get('x') ?? 'steps'} onChange={(event) => setQuery({ x: event.currentTarget.value === 'steps' ? '' : 'tokens' })}>
        <option value="steps">by step</option>
        <option value="tokens">by tokens</option>
      </select>
      <button type="button" class="toggle" aria-pressed={query.has('logx')} onClick={() => toggle('logx')}>log x</button>
      <button type="button" class="toggle" aria-pressed={query.has('logy')} onClick={() => toggle('logy')}>log y</button>
      <label class="slider" title="Smoothing, as TensorBoard's">
        <input type="range" min="0" max="0.95" step="0.05" value={query.get('smooth') ?? '0'} aria-label="Smoothing"
               onInput={(event) => setQuery({ smooth: event.currentTarget.value === '0' ? '' : event.currentTarget.value })} />
      </label>
    </div>
  );
}

export function metricsOf(live: LiveSweep): string[] {
  const names = new Set<string>();
  for (const metrics of live.curves.values()) for (const name of metrics.keys()) names.add(name);
  return [...names].sort();
}

export function CurvesPanel({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  useEffect(() => useKeysOf({ l: () => toggle('logy') }), []);
  // What is shown does not depend on what is pointed at: moving the pointer only chooses looks.
  const shown = useComputed(() => {
    void [live.curvesVersion.value, live.trialsVersion.value, dark.value];
    const settings = readSettings(live.sweep.value ?? sweep);
    const rows = new Map((live.board.value?.rows ?? []).map((row) => [row.trial.number, row]));
    const filter = route.value.query.get('q') ?? '';
    const test = matches(filter);
    const all = filter === '' && !brushed.value;
    const lines = linesOf(live, settings, (trial) => rows.get(trial),
                          all ? undefined : (row) => test(row) && (brushed.value?.has(row.trial.number) ?? true));
    const ends = rangeOf(lines.flatMap((line) => [line.x[0]!, line.x[line.x.length - 1]!]), settings.logX);
    const steps = settings.tokens ? [] : rungs(live.sweep.value ?? sweep);
    return {
      settings, lines,
      x: settings.logX ? ends : { low: 0, high: ends.high },
      y: rangeOf(lines.flatMap((line) => line.y), settings.logY),
      marks: steps.map((step, index): Mark => ({ x: step, text: index === 0 ? 'rung' : '' })),
    };
  });
  const drawn = useComputed(() => {
    const marked = [hovered.value, picked.value].filter((one): one is number => one !== undefined);
    marked.forEach((trial) => live.wantCurve(trial));
    return emphasise(shown.value.lines, new Set(marked), live.sweep.value?.best?.trial);
  });
  const { marks, x, y, settings } = shown.value;
  const lines = drawn.value;
  return (
    <section class="panel curves" aria-label="Learning curves">
      <header>
        <h2>Learning curves</h2>
        <span class="spring" />
        <CurveControls sweep={sweep} metrics={metricsOf(live)} />
      </header>
      {lines.length === 0 ? <p class="nothing muted">The first losses draw the first curves.</p> : (
        <Curves lines={lines} marks={marks} x={x} y={y} logX={settings.logX} logY={settings.logY} height={384}
                xTitle={settings.tokens ? 'tokens' : 'step'} label={`Learning curves of ${live.curves.size} trials; the leaderboard has their values`}
                onHover={(trial) => (hovered.value = trial)}
                onPick={(trial) => setQuery({ trial: picked.value === trial ? '' : String(trial) })} />
      )}
    </section>
  );
}
