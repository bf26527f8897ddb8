// Which setting matters, and where do the good trials lie?
import { useState } from 'preact/hooks';
import type { LiveSweep } from '../data/live';
import * as format from '../data/format';
import type { Importance, Sweep, Value } from '../data/model';

type Parameter = Importance['parameters'][number];

const WIDTH = 320;
const HEIGHT = 90;

function where(low: Value | undefined, high: Value | undefined): string {
  if (low === undefined) return '';
  const [from, to] = [format.setting(low), format.setting(high)];
  return from === to || high === undefined ? from : `${from} to ${to}`;
}

// What a model of the results expects of the metric at each value of one setting, on average over the others.
function Effect({ parameter, metric }: { parameter: Parameter; metric: string }) {
  const { effects } = parameter;
  const low = Math.min(...effects.map((one) => one.metric - one.stderr));
  const high = Math.max(...effects.map((one) => one.metric + one.stderr));
  const decimals = format.decimalsFor((high - low) / 20) ?? 4;
  const x = (index: number): number => (WIDTH * index) / Math.max(1, effects.length - 1);
  const y = (value: number): number => HEIGHT - (HEIGHT * (value - low)) / Math.max(1e-12, high - low);
  const line = (values: number[]): string[] => values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  const band = [...line(effects.map((one) => one.metric + one.stderr)), ...line(effects.map((one) => one.metric - one.stderr)).reverse()];
  const words = effects.map((one) => `at ${format.setting(one.value)} ${format.fixed(one.metric, decimals)} ± ${format.fixed(one.stderr, decimals)}`);
  return (
    <figure class="effect">
      <figcaption>{metric} that a model of the results expects at each {format.shortName(parameter.name)}, on average over the other settings (± a standard error)</figcaption>
      <div class="effect-plot">
        <span class="effect-range muted"><span>{format.fixed(high, decimals)}</span><span>{format.fixed(low, decimals)}</span></span>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words.join(', ')}>
          <polygon points={band.join(' ')} />
          <polyline points={line(effects.map((one) => one.metric)).join(' ')} vector-effect="non-scaling-stroke" />
        </svg>
        <span class="effect-range across muted"><span>{format.setting(effects[0]?.value)}</span><span>{format.setting(effects.at(-1)?.value)}</span></span>
      </div>
    </figure>
  );
}

export function ImportancePanel({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  const importance = live.importance.value;
  const [chosen, choose] = useState<string | undefined>(undefined);
  const rows = importance?.parameters ?? [];
  const shown = rows.find((one) => one.name === chosen && one.effects.length > 1);
  const largest = Math.max(0.01, ...rows.map((one) => one.share + one.stderr));
  return (
    <section class="panel importance" aria-label="Which setting matters">
      <header>
        <h2>Which setting matters</h2>
        <span class="muted">{importance ? `share of what makes trials good, from ${format.plural(importance.trials, 'completed trial')}` : ''}</span>
      </header>
      {rows.length === 0 ? <p class="nothing muted">Known once {sweep.spec.parameters.length > 0 ? 'enough trials have completed' : 'there are parameters'}.</p> : (
        <table class="bars">
          <thead><tr><th>setting</th><th><span class="hidden">importance</span></th><th class="number">share</th><th>the best trials have</th></tr></thead>
          <tbody>
            {rows.map((one) => (
              <tr key={one.name}>
                <th scope="row" title={one.name}>
                  {one.effects.length > 1
                    ? <button type="button" class="link" aria-expanded={one === shown} onClick={() => choose(one === shown ? undefined : one.name)}>{format.shortName(one.name)}</button>
                    : format.shortName(one.name)}
                </th>
                <td class="bar-cell">
                  <span class="fill" style={{ width: `${(100 * one.share) / largest}%` }} />
                  <span class="whisker" style={{ left: `${(100 * Math.max(0, one.share - one.stderr)) / largest}%`, width: `${(100 * Math.min(2 * one.stderr, one.share + one.stderr)) / largest}%` }} />
                </td>
                <td class="number">{Math.round(100 * one.share)} <small class="muted">± {Math.max(1, Math.round(100 * one.stderr))} %</small></td>
                <td>{where(one.low, one.high)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {shown && <Effect parameter={shown} metric={sweep.spec.metric.name} />}
      {importance?.interactions.map((both) => (
        <p key={`${both.first} ${both.second}`} class="muted">
          {format.shortName(both.first)} and {format.shortName(both.second)} together: {Math.round(100 * both.share)} % of the variance is theirs jointly, beyond what each does alone.
        </p>
      ))}
    </section>
  );
}
