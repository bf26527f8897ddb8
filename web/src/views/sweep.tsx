import type { LiveSweep } from '../data/live';
import { Bar, LostSweep } from '../parts/bar';
import { Copy } from '../parts/copy';
import { Summary } from '../parts/summary';
import { CurvesPanel } from './curves';
import { ImportancePanel } from './importance';
import { LeaderboardPanel } from './leaderboard';
import { NotFound } from './not_found';
import { ParallelPanel } from './parallel';
import { SlicesPanel } from './slices';
import { TimelinePanel } from './timeline';

export function SweepView({ live }: { live: LiveSweep }) {
  const sweep = live.sweep.value;
  document.title = sweep ? `${sweep.id} · lorasweep` : 'lorasweep';
  const connection = live.connection.value;
  return (
    <>
      <Bar crumbs={<span aria-current="page">{live.id}</span>} workers={live.workers.value} live={connection.state === 'live'} />
      <LostSweep connection={connection} />
      {live.failure.value && <NotFound what={live.failure.value.message} />}
      {sweep && (
        <main class="page sweep">
          <Summary live={live} sweep={sweep} />
          <CurvesPanel live={live} sweep={sweep} />
          <LeaderboardPanel live={live} sweep={sweep} />
          <ImportancePanel live={live} sweep={sweep} />
          <ParallelPanel live={live} sweep={sweep} />
          <SlicesPanel live={live} sweep={sweep} />
          <TimelinePanel live={live} sweep={sweep} />
          <section class="panel terminal" aria-label="In a terminal">
            <span class="muted">In a terminal</span>
            <Copy text={`lorasweep leaderboard ${sweep.id} --watch`} />
          </section>
        </main>
      )}
    </>
  );
}
