// A trial's own curves, beside the best trial's.
import { useComputed } from '@preact/signals';
import { Curves } from '../charts/curves';
import type { Line } from '../charts/curve_painter';
import { rangeOf } from '../charts/scale';
import type { LiveSweep } from '../data/live';
import type { Sweep, Trial } from '../data/model';
import { go, href } from '../data/route';
import { dark } from '../data/theme';
import { CurveControls, lineOf, readSettings, rungs } from './curves';

export function TrialCurve({ live, sweep, trial }: { live: LiveSweep; sweep: Sweep; trial: Trial }) {
  const drawn = useComputed(() => {
    void [live.curvesVersion.value, dark.value];
    const settings = readSettings(sweep);
    const best = live.board.value?.rows[0]?.trial.number;
    const lines: Line[] = [];
    for (const number of new Set([best ?? trial.number, trial.number])) {
      const own = number === trial.number;
      const look = number === best ? { tone: 'best', width: own ? 2.4 : 1.5, alpha: own ? 1 : 0.6 } : { tone: 'running', width: 2.2, alpha: 1 };
      for (const { name, dashed } of settings.metrics) {
        const curve = live.curves.get(number)?.get(name);
        if (curve) lines.push(lineOf(number, curve, settings, dashed, look, !dashed));
      }
    }
    return { lines, settings };
  });
  const { lines, settings } = drawn.value;
  const x = rangeOf(lines.flatMap((line) => line.x), settings.logX);
  return (
    <section class="panel curves" aria-label="Learning curves">
      <header>
        <h2>Learning curves</h2>
        <span class="spring" />
        <CurveControls sweep={sweep} metrics={[...new Set(lines.length > 0 ? [sweep.spec.metric.name, ...(live.curves.get(trial.number)?.keys() ?? [])] : [])]} />
      </header>
      {lines.length === 0 ? <p class="nothing muted">The first losses draw its curve.</p> : (
        <Curves lines={lines} marks={settings.tokens ? [] : rungs(sweep).map((step, index) => ({ x: step, text: index === 0 ? 'rung' : '' }))}
                x={settings.logX ? x : { low: 0, high: x.high }} y={rangeOf(lines.flatMap((line) => line.y), settings.logY)} logX={settings.logX}
                logY={settings.logY} height={300} xTitle={settings.tokens ? 'tokens' : 'step'} label={`Learning curves of trial ${trial.number} and of the best trial`}
                onHover={() => undefined} onPick={(number) => number !== trial.number && go(href(live.id, number))} />
      )}
    </section>
  );
}
