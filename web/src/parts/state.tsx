// States, by mark and by colour.
import type { Sweep, SweepState, TrialState } from '../data/model';

interface Look {
  mark: string;
  word: string;
  tone: string;  // a class of style.css
}

const trials: Record<TrialState, Look> = {
  QUEUED: { mark: '○', word: 'queued', tone: 'quiet' },
  RUNNING: { mark: '●', word: 'running', tone: 'running' },
  PAUSED: { mark: '‖', word: 'paused', tone: 'paused' },
  COMPLETED: { mark: '✓', word: 'done', tone: 'done' },
  PRUNED: { mark: '✕', word: 'pruned', tone: 'pruned' },
  INFEASIBLE: { mark: '⊘', word: 'infeasible', tone: 'failed' },
  FAILED: { mark: '!', word: 'failed', tone: 'failed' },
  CANCELLED: { mark: '–', word: 'cancelled', tone: 'quiet' },
};

const sweeps: Record<SweepState, Look> = {
  RUNNING: { mark: '●', word: 'running', tone: 'running' },
  PAUSED: { mark: '‖', word: 'paused', tone: 'paused' },
  STOPPING: { mark: '◐', word: 'stopping', tone: 'paused' },
  COMPLETED: { mark: '✓', word: 'done', tone: 'done' },
  CANCELLED: { mark: '–', word: 'cancelled', tone: 'quiet' },
  FAILED: { mark: '!', word: 'failed', tone: 'failed' },
};

export const stateWords = Object.entries(trials).map(([state, look]): [string, string] => [state, look.word]);
export const trialLook = (state: TrialState): Look => trials[state] ?? trials.QUEUED;

export function TrialMark({ state, word = true }: { state: TrialState; word?: boolean }) {
  const look = trialLook(state);
  return (
    <span class={`state ${look.tone}`}>
      <span class="mark" aria-hidden="true">{look.mark}</span>
      <span class={word ? '' : 'hidden'}>{look.word}</span>
    </span>
  );
}

export function SweepMark({ state }: { state: SweepState }) {
  const look = sweeps[state] ?? sweeps.RUNNING;
  return (
    <span class={`state chip ${look.tone}`}>
      <span class="mark" aria-hidden="true">{look.mark}</span>
      {look.word}
    </span>
  );
}

const bars: [keyof Sweep['counts'], string][] = [
  ['completed', 'done'], ['pruned', 'pruned'], ['infeasible', 'failed'], ['failed', 'failed'], ['cancelled', 'quiet'],
  ['running', 'running'], ['paused', 'paused'],
];

// How far a sweep is: a bar of what became of its trials.
export function Progress({ sweep }: { sweep: Sweep }) {
  const sum = Object.values(sweep.counts).reduce((a, b) => a + b, 0);
  const whole = Math.max(sweep.planned, sum, 1);
  const words = bars.filter(([key]) => sweep.counts[key] > 0).map(([key]) => `${sweep.counts[key]} ${key}`);
  return (
    <div class="progress" role="img" aria-label={`of ${whole} trials: ${words.join(', ') || 'none yet'}`}>
      {bars.map(([key, tone]) => sweep.counts[key] > 0 && (
        <span key={key} class={tone} style={{ width: `${(100 * sweep.counts[key]) / whole}%` }} />
      ))}
    </div>
  );
}
