// Which setting matters, and where do the good trials lie?
import type { LiveSweep } from '../data/live';
import * as format from '../data/format';
import type { Sweep, Value } from '../data/model';

function where(low: Value | undefined, high: Value | undefined): string {
  if (low === undefined) return '';
  const [from, to] = [format.setting(low), format.setting(high)];
  return from === to || high === undefined ? from : `${from} to ${to}`;
}

export function ImportancePanel({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  const importance = live.importance.value;
  const rows = importance?.parameters ?? [];
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
                <th scope="row" title={one.name}>{format.shortName(one.name)}</th>
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
    </section>
  );
}
