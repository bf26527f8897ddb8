// Sweeps side by side: which found more, and with how much work?
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { searched } from '../charts/axes';
import { Curves } from '../charts/curves';
import type { Line } from '../charts/curve_painter';
import { rangeOf } from '../charts/scale';
import { LiveComparison } from '../data/comparison';
import * as format from '../data/format';
import type { BestSoFar, Compared, Comparison } from '../data/model';
import { href, route, setQuery } from '../data/route';
import { colour, dark } from '../data/theme';
import { Bar } from '../parts/bar';
import { Copy } from '../parts/copy';
import { SweepMark } from '../parts/state';

type Spent = 'steps' | 'trials' | 'seconds';
const axes: Record<Spent, string> = { steps: 'steps trained', trials: 'trials ended', seconds: 'seconds since it was submitted' };
const HUES = 8;
const POINTS = 100;  // of a line, at least

const hueOf = (index: number): string => `series-${index % HUES}`;

// A stair: the best stays what it was until a better one is found. With points along it, for the pointer to read.
function stair(progress: BestSoFar[], key: Spent, end: number): { x: number[]; y: number[] } {
  const x: number[] = [];
  const y: number[] = [];
  progress.forEach((one, index) => {
    const until = progress[index + 1]?.[key] ?? Math.max(end, one[key]);
    for (let at = one[key]; at < until; at += Math.max(end, 1) / POINTS) {
      x.push(at);
      y.push(one.value);
    }
    x.push(until);
    y.push(one.value);
  });
  return { x, y };
}

function Chart({ comparison }: { comparison: Comparison }) {
  const key = (['steps', 'trials', 'seconds'] as Spent[]).find((one) => one === route.value.query.get('x')) ?? 'steps';
  const hovered = useSignal<number | undefined>(undefined);
  const [at, isDark] = [hovered.value, dark.value];
  const lines = useMemo(() => comparison.sweeps.map((one, index): Line => ({
    trial: index, ...stair(one.progress, key, one.spent[key]), colour: colour(hueOf(index)), dashed: false, ends: true,
    width: at === index ? 3 : 1.8, alpha: at === undefined || at === index ? 1 : 0.4,
  })).filter((line) => line.x.length > 0), [comparison, key, at, isDark]);
  const x = rangeOf(lines.flatMap((line) => line.x), false);
  const metric = comparison.sweeps[0]?.sweep.spec.metric.name ?? '';
  return (
    <section class="panel curves" aria-label="Best so far">
      <header>
        <h2>Best {format.metricWords(metric)} so far</h2>
        <span class="spring" />
        <select aria-label="Horizontal axis" value={key} onChange={(event) => setQuery({ x: event.currentTarget.value === 'steps' ? '' : event.currentTarget.value })}>
          {Object.entries(axes).map(([value, words]) => <option key={value} value={value}>by {words}</option>)}
        </select>
      </header>
      {lines.length === 0 ? <p class="nothing muted">Drawn once a trial has completed.</p> : (
        <Curves lines={lines} marks={[]} x={{ low: 0, high: x.high }} y={rangeOf(lines.flatMap((line) => line.y), false)} logX={false} logY={false}
                xTitle={axes[key]} height={340} label="The best value of each sweep so far; the table below has the last ones"
                nameOf={(index) => comparison.sweeps[index]?.sweep.id ?? ''} onHover={(index) => (hovered.value = index)} onPick={() => undefined} />
      )}
    </section>
  );
}

function SweepLine({ one, index }: { one: Compared; index: number }) {
  const { sweep, best, difference } = one;
  const decimals = format.decimalsFor(best?.stderr ?? 0) ?? 4;
  const apart = format.decimalsFor(difference?.stderr ?? 0) ?? decimals;
  return (
    <tr>
      <th scope="row"><i class="swatch" style={{ background: `var(--${hueOf(index)})` }} /><a href={href(sweep.id)}>{sweep.id}</a></th>
      <td><SweepMark state={sweep.state} /></td>
      <td>{sweep.spec.method}</td>
      <td>{searched(sweep.spec.parameters).map((each) => format.shortName(each.name)).join(', ')}</td>
      <td class="number">
        {best ? <a href={href(sweep.id, best.trial.number)}>{format.fixed(best.value, decimals)}</a> : '–'}
        {best && best.stderr > 0 && <small class="muted"> ± {format.fixed(best.stderr, decimals)}</small>}
      </td>
      <td class="number">
        {difference ? format.signed(difference.value, apart) : ''}
        {difference && difference.stderr > 0 && <small class="muted"> ± {format.fixed(difference.stderr, apart)}</small>}
      </td>
      <td class="number">{format.count(one.spent.trials)}</td>
      <td class="number">{format.compact(one.spent.steps)}</td>
      <td class="number">{format.duration(one.spent.seconds * 1000)}</td>
    </tr>
  );
}

function Bests({ comparison }: { comparison: Comparison }) {
  return (
    <section class="panel" aria-label="Sweeps">
      <header><h2>Side by side</h2></header>
      <div class="scroll-x" tabIndex={0} role="group" aria-label="Table of sweeps">
        <table class="plain">
          <thead>
            <tr>
              <th>sweep</th><th>state</th><th>method</th><th>searched</th><th class="number">best</th>
              <th class="number" title="Paired difference to the first sweep's best on the same validation sequences; positive is worse">to the first</th>
              <th class="number">trials</th><th class="number">steps</th><th class="number">time</th>
            </tr>
          </thead>
          <tbody>{comparison.sweeps.map((one, index) => <SweepLine key={one.sweep.id} one={one} index={index} />)}</tbody>
        </table>
      </div>
    </section>
  );
}

function Differences({ comparison }: { comparison: Comparison }) {
  return (
    <section class="panel" aria-label="What differs">
      <header><h2>What differs between their files</h2></header>
      {comparison.differences.length === 0 ? <p class="nothing muted">Nothing but their names.</p> : (
        <div class="scroll-x" tabIndex={0} role="group" aria-label="Table of differences">
          <table class="plain">
            <thead><tr><th>key</th>{comparison.sweeps.map((one) => <th key={one.sweep.id}>{one.sweep.id}</th>)}</tr></thead>
            <tbody>
              {comparison.differences.map((one) => (
                <tr key={one.key}>
                  <th scope="row">{one.key}</th>
                  {one.values.map((value, index) => <td key={index} class={value === '' ? 'muted' : ''}>{value || 'not there'}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

// What cannot be drawn on one axis is not.
const onOneAxis = ({ sweeps }: Comparison): boolean =>
  sweeps.every(({ sweep: { spec } }) => spec.metric.name === sweeps[0]!.sweep.spec.metric.name && spec.metric.minimize === sweeps[0]!.sweep.spec.metric.minimize);

export function CompareView() {
  const ids = route.value.query.get('sweeps') ?? '';
  const live = useMemo(() => new LiveComparison(ids.split(',').filter(Boolean)), [ids]);
  useEffect(() => () => live.close(), [live]);
  document.title = 'Compare · lorasweep';
  const comparison = live.comparison.value;
  return (
    <>
      <Bar crumbs={<span aria-current="page">compare</span>} />
      <main class="page compare">
        <h1 class="hidden">Compare sweeps</h1>
        {live.problem.value && <p class="problem" role="alert">{live.problem.value}</p>}
        {comparison && comparison.obstacles.length > 0 && (
          <section class="panel obstacles" role="note" aria-label="Why these do not compare">
            <h2>These values do not compare</h2>
            <ul>{comparison.obstacles.map((one) => <li key={one}>{one}</li>)}</ul>
          </section>
        )}
        {comparison && onOneAxis(comparison) && <Chart comparison={comparison} />}
        {comparison && <Bests comparison={comparison} />}
        {comparison && <Differences comparison={comparison} />}
        <section class="panel terminal" aria-label="In a terminal">
          <span class="muted">In a terminal</span>
          <Copy text={`lorasweep compare ${live.ids.join(' ')}`} />
        </section>
      </main>
    </>
  );
}
