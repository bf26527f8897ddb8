// The head of a sweep's page: is it alive, how far is it, and who is winning?
import * as format from '../data/format';
import type { LiveSweep } from '../data/live';
import { endedCount, sweepEnded, total, type Row, type Sweep } from '../data/model';
import { now } from '../data/now';
import { href } from '../data/route';
import * as api from '../data/api';
import { Note } from './note';
import { Progress, SweepMark } from './state';
import { SweepActions } from './actions';
import { Tags } from './tags';

// "about 6 min": what is left at the pace so far; empty when nothing can be said.
export function remaining(sweep: Sweep, at: number): string {
  const done = endedCount(sweep);
  if (sweep.state !== 'RUNNING' || sweep.planned === 0 || done < 2 || done >= sweep.planned) return '';
  return format.rough(((at - sweep.created) / done) * (sweep.planned - done));
}

function Counts({ sweep }: { sweep: Sweep }) {
  const { running, pruned, infeasible, failed, queued, paused } = sweep.counts;
  const whole = Math.max(sweep.planned, total(sweep));
  const parts = [`${format.count(endedCount(sweep))} of ${format.plural(whole, 'trial')}`];
  const add = (count: number, word: string): void => void (count > 0 && parts.push(`${format.count(count)} ${word}`));
  add(running, 'running');
  add(paused, 'paused');
  add(queued, 'queued');
  add(pruned, 'pruned');
  add(infeasible, 'infeasible');
  add(failed, 'failed');
  const eta = remaining(sweep, now.value);
  if (sweep.spec.priority !== 0) parts.push(`priority ${sweep.spec.priority}`);
  if (sweep.waits) parts.push(sweep.waits);
  if (eta) parts.push(`about ${eta} left`);
  if (sweepEnded(sweep.state)) parts.push(`took ${format.duration(sweep.updated - sweep.created)}`);
  return <span class="counts">{parts.join(' · ')}</span>;
}

function Best({ live, sweep, rows }: { live: LiveSweep; sweep: Sweep; rows: Row[] }) {
  const [first, second] = rows;
  if (!first) {
    const waits = !sweepEnded(sweep.state) && total(sweep) === 0;
    return <p class="best-line muted">{waits ? 'Waiting for a worker to take the first trial.' : 'No result yet.'}</p>;
  }
  const decimals = format.decimalsFor(first.stderr) ?? 4;
  const searched = sweep.spec.parameters.filter((one) => !['constant', 'expression'].includes(one.distribution));
  const gapDecimals = second && (format.decimalsFor(second.gapStderr) ?? decimals);
  const base = sweep.baseValue;
  return (
    <p class="best-line">
      <span class="muted">best</span>
      <a class="best big" href={href(live.id, first.trial.number)}>
        {format.fixed(first.value, decimals)}
        {first.stderr > 0 && <small> ± {format.fixed(first.stderr, decimals)}</small>}
      </a>
      <a href={href(live.id, first.trial.number)}>trial {first.trial.number}</a>
      <span class="settings">
        {searched.slice(0, 6).map((one) => (
          <span key={one.name} title={one.name}>
            <span class="muted">{format.shortName(one.name)}</span> {format.setting(first.trial.parameters[one.name])}
          </span>
        ))}
      </span>
      {second && gapDecimals !== undefined && Number.isFinite(second.gap) && (
        <span>
          {second.tied ? <>not distinguishable from <a href={href(live.id, second.trial.number)}>trial {second.trial.number}</a></> : (
            <>ahead of <a href={href(live.id, second.trial.number)}>trial {second.trial.number}</a> by {format.fixed(second.gap, gapDecimals)}
              {second.gapStderr > 0 && ` ± ${format.fixed(second.gapStderr, gapDecimals)}`}</>
          )}
        </span>
      )}
      {base !== undefined && Number.isFinite(base) && <span class="muted">base model {format.metric(base)}</span>}
    </p>
  );
}

export function Summary({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  return (
    <section class="panel summary">
      <div class="line">
        <h1>{sweep.id}</h1>
        <SweepMark state={sweep.state} />
        <Counts sweep={sweep} />
        <span class="spring" />
        <SweepActions live={live} sweep={sweep} />
      </div>
      <Progress sweep={sweep} />
      {sweep.error && <p class="problem">{sweep.error}</p>}
      <Best live={live} sweep={sweep} rows={live.board.value?.rows ?? []} />
      <div class="line words">
        <Tags live={live} sweep={sweep} />
        <Note note={sweep.note} command={`lorasweep note ${sweep.id} TEXT`} save={async (note) => live.adopt(await api.updateSweep(sweep.id, { note }))} />
      </div>
    </section>
  );
}
