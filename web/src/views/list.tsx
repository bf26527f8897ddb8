// All sweeps: is it alive, and what is the best so far?
import * as format from '../data/format';
import type { SweepList } from '../data/list';
import { endedCount, sweepEnded, total, type Sweep } from '../data/model';
import { now } from '../data/now';
import { go, href, route, setQuery } from '../data/route';
import { Bar, Lost } from '../parts/bar';
import { Copy } from '../parts/copy';
import { Progress, SweepMark } from '../parts/state';
import { remaining } from '../parts/summary';

// What the address says: tags that are asked for, sweeps that are chosen.
const words = (key: string): string[] => (route.value.query.get(key) ?? '').split(',').filter(Boolean);
const toggle = (key: string, word: string): void => {
  const all = words(key);
  setQuery({ [key]: (all.includes(word) ? all.filter((one) => one !== word) : [...all, word]).join(',') });
};

function Line({ sweep }: { sweep: Sweep }) {
  const eta = remaining(sweep, now.value);
  const stay = (event: Event): void => event.stopPropagation();
  return (
    <tr onClick={() => go(href(sweep.id))}>
      <td class="choose wide-only" onClick={stay}>
        <input type="checkbox" aria-label={`Choose ${sweep.id} to compare`} checked={words('chosen').includes(sweep.id)} onChange={() => toggle('chosen', sweep.id)} />
      </td>
      <td class="name">
        <a href={href(sweep.id)}>{sweep.id}</a>
        {sweep.tags.map((tag) => (
          <button key={tag} type="button" class="tag" aria-pressed={words('tag').includes(tag)} title={`Only sweeps with the tag ${tag}`}
                  onClick={(event) => { stay(event); toggle('tag', tag); }}>{tag}</button>
        ))}
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
  const tags = words('tag');
  const chosen = words('chosen');
  const shown = sweeps?.filter((sweep) => tags.every((tag) => sweep.tags.includes(tag)));
  return (
    <>
      <Bar workers={list.workers.value} live={list.lostSince.value === undefined && sweeps !== undefined} />
      {list.lostSince.value !== undefined && <Lost since={list.lostSince.value} />}
      <main class="page">
        {sweeps?.length === 0 && <Empty />}
        {sweeps && shown && sweeps.length > 0 && (
          <section class="panel">
            <header>
              <h1>Sweeps</h1>
              <span class="muted">{shown.length < sweeps.length ? `${format.count(shown.length)} of ${format.plural(sweeps.length, 'sweep')}` : format.plural(sweeps.length, 'sweep')}</span>
              {tags.map((tag) => (
                <button key={tag} type="button" class="tag" aria-pressed="true" aria-label={`Not only sweeps with the tag ${tag}`} onClick={() => toggle('tag', tag)}>{tag} ×</button>
              ))}
              <span class="spring" />
              {chosen.length > 0 && (
                <button type="button" disabled={chosen.length < 2} title={`lorasweep compare ${chosen.join(' ')}`}
                        onClick={() => go(`#/compare?sweeps=${chosen.map(encodeURIComponent).join(',')}`)}>
                  {chosen.length < 2 ? 'Compare: choose another' : `Compare ${chosen.length}`}
                </button>
              )}
              <a class="button" href="#/new">New sweep</a>
            </header>
            <table class="sweeps">
              <thead>
                <tr>
                  <th class="choose wide-only"><span class="hidden">to compare</span></th><th>sweep</th><th>state</th><th>trials ended</th><th class="number">best</th><th class="wide-only"><span class="hidden">best trial</span></th>
                  <th class="wide-only">metric</th><th class="number wide-only">left</th><th class="number wide-only">changed</th>
                </tr>
              </thead>
              <tbody>{shown.map((sweep) => <Line key={sweep.id} sweep={sweep} />)}</tbody>
            </table>
          </section>
        )}
      </main>
    </>
  );
}
