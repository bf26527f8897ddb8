// All sweeps: is it alive, and what is the best so far?
import * as format from '../data/format';
import type { SweepList } from '../data/list';
import { endedCount, sweepEnded, total, type Sweep } from '../data/model';
import { now } from '../data/now';
import { go, href } from '../data/route';
import { Bar, Lost } from '../parts/bar';
import { Copy } from '../parts/copy';
import { Progress, SweepMark } from '../parts/state';
import { remaining } from '../parts/summary';

function Line({ sweep }: { sweep: Sweep }) {
  const eta = remaining(sweep, now.value);
  return (
    <tr onClick={() => go(href(sweep.id))}>
      <td class="name">
        <a href={href(sweep.id)}>{sweep.id}</a>
        <span class="muted">{sweep.spec.model.split('/').pop()} · {sweep.spec.method}</span>
      </td>
      <td><SweepMark state={sweep.state} />{sweep.waits && <span class="muted"> {sweep.waits}</span>}</td>
      <td class="with-bar">
        <span>
          {format.count(endedCount(sweep))}<span class="muted"> of {format.count(Math.max(sweep.planned, total(sweep)))}</span>
        </span>
        <Progress sweep={sweep} />
      </td>
      <td class="number best">{sweep.best ? format.metric(sweep.best.value) : '–'}</td>
      <td class="wide-only muted">{sweep.best ? `trial ${sweep.best.trial}` : ''}</td>
      <td class="wide-only muted">{format.metricWords(sweep.spec.metric.name)}</td>
      <td class="number wide-only muted">{sweepEnded(sweep.state) ? '' : eta}</td>
      <td class="number wide-only muted">{format.ago(sweep.updated, now.value)}</td>
    </tr>
  );
}

function Empty() {
  const command = `lorasweep submit --server ${location.hostname}:50151 sweep.yaml`;
  return (
    <section class="empty">
      <h1>No sweep yet</h1>
      <p>Submit one from a terminal, or <a href="#/new">write one here</a>. It appears on this page at once.</p>
      <Copy text={command} />
      <p class="muted">Everything in one command, with a worker on this machine: <code>lorasweep run sweep.yaml</code></p>
    </section>
  );
}

export function ListView({ list }: { list: SweepList }) {
  document.title = 'lorasweep';
  const sweeps = list.sweeps.value;
  return (
    <>
      <Bar workers={list.workers.value} live={list.lostSince.value === undefined && sweeps !== undefined} />
      {list.lostSince.value !== undefined && <Lost since={list.lostSince.value} />}
      <main class="page">
        {sweeps?.length === 0 && <Empty />}
        {sweeps && sweeps.length > 0 && (
          <section class="panel">
            <header>
              <h1>Sweeps</h1>
              <span class="muted">{format.plural(sweeps.length, 'sweep')}</span>
              <span class="spring" />
              <a class="button" href="#/new">New sweep</a>
            </header>
            <table class="sweeps">
              <thead>
                <tr>
                  <th>sweep</th><th>state</th><th>trials ended</th><th class="number">best</th><th class="wide-only"><span class="hidden">best trial</span></th>
                  <th class="wide-only">metric</th><th class="number wide-only">left</th><th class="number wide-only">changed</th>
                </tr>
              </thead>
              <tbody>{sweeps.map((sweep) => <Line key={sweep.id} sweep={sweep} />)}</tbody>
            </table>
          </section>
        )}
      </main>
    </>
  );
}
