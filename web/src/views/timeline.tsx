// What the workers did: a lane for each slot in use, attempts as bars.
import { useComputed } from '@preact/signals';
import { Fragment } from 'preact';
import type { LiveSweep } from '../data/live';
import * as format from '../data/format';
import type { Attempt, Sweep, Trial } from '../data/model';
import { sweepEnded } from '../data/model';
import { now } from '../data/now';
import { go, href } from '../data/route';
import { hovered } from '../data/selection';
import { trialLook } from '../parts/state';
import { MachineUseLine } from './machine_use';

interface Bar {
  trial: Trial;
  attempt: Attempt;
  start: number;
  end: number;
}

const LANES = 40;
const BARS = 3000;

// Attempts of each worker, laid into as few lanes as hold them without overlap.
function lanesOf(trials: Iterable<Trial>, at: number): { worker: string; bars: Bar[] }[] {
  const bars: Bar[] = [];
  for (const trial of trials) {
    for (const attempt of trial.attempts) {
      if (attempt.start) bars.push({ trial, attempt, start: attempt.start, end: attempt.end ?? at });
    }
  }
  bars.sort((a, b) => a.start - b.start);
  const lanes: { worker: string; bars: Bar[]; free: number }[] = [];
  for (const bar of bars.slice(-BARS)) {
    const lane = lanes.find((one) => one.worker === bar.attempt.worker && one.free <= bar.start);
    if (lane) {
      lane.bars.push(bar);
      lane.free = bar.end;
    } else {
      lanes.push({ worker: bar.attempt.worker, bars: [bar], free: bar.end });
    }
  }
  return lanes.sort((a, b) => a.worker.localeCompare(b.worker)).slice(0, LANES);
}

// What a bar shows of an attempt: the trial's end where it was the last one, its own end otherwise.
function toneOf({ trial, attempt }: Bar): string {
  if (!attempt.end) return 'running';
  return attempt.number === Math.max(...trial.attempts.map((one) => one.number)) ? trialLook(trial.state).tone : 'failed';
}

function Lane({ live, bars, from, to }: { live: LiveSweep; bars: Bar[]; from: number; to: number }) {
  const place = (time: number): number => (100 * (time - from)) / Math.max(1, to - from);
  const best = live.sweep.value?.best?.trial;
  return (
    <div class="lane">
      {bars.map((bar) => {
        const number = bar.trial.number;
        const words = `trial ${number}, attempt ${bar.attempt.number}: ${bar.attempt.endReason || 'running'}, ${format.duration(bar.end - bar.start)}`;
        return (
          <a key={`${number}/${bar.attempt.number}`} href={href(live.id, number)} title={words} aria-label={words}
             class={`${toneOf(bar)}${number === best ? ' first' : ''}${hovered.value === number ? ' hovered' : ''}`}
             style={{ left: `${place(bar.start)}%`, width: `max(3px, ${place(bar.end) - place(bar.start)}% - 1px)` }}
             onPointerEnter={() => (hovered.value = number)} onPointerLeave={() => (hovered.value = undefined)}
             onClick={(event) => { event.preventDefault(); go(href(live.id, number)); }}>
            <span>{number}</span>
          </a>
        );
      })}
    </div>
  );
}

export function TimelinePanel({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  const over = sweepEnded(sweep.state);
  const shown = useComputed(() => {
    void live.trialsVersion.value;
    const at = over ? sweep.updated : now.value;
    return { lanes: lanesOf(live.trials.values(), at), at };
  });
  const { lanes, at } = shown.value;
  const labels = new Map(live.workers.value.map((worker) => [worker.id, worker.labels.join(' ')]));
  const from = Math.min(...lanes.flatMap((lane) => lane.bars.map((bar) => bar.start)), at);
  const to = over ? Math.max(from + 1, ...lanes.flatMap((lane) => lane.bars.map((bar) => bar.end))) : at;
  return (
    <section class="panel timeline" aria-label="Workers and attempts">
      <header>
        <h2>Workers</h2>
        <span class="muted">{lanes.length > 0 ? `${format.date(from)}, ${format.duration(to - from)}` : ''}</span>
      </header>
      {lanes.length === 0 ? <p class="nothing muted">Attempts appear here when a worker takes the first trial.</p> : (
        <div class="lanes">
          {lanes.map((lane, index) => (
            <Fragment key={`${lane.worker}/${index}`}>
              <div class="lane-line">
                <span class="lane-name" title={`${lane.worker} ${labels.get(lane.worker) ?? ''}`.trim()}>{lanes[index - 1]?.worker === lane.worker ? '' : lane.worker}</span>
                <Lane live={live} bars={lane.bars} from={from} to={to} />
              </div>
              {lanes[index + 1]?.worker !== lane.worker && (
                <MachineUseLine worker={lane.worker} device={live.workers.value.find((one) => one.id === lane.worker)?.device ?? ''} over={over} from={from} to={to} />
              )}
            </Fragment>
          ))}
        </div>
      )}
    </section>
  );
}
