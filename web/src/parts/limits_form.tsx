// The limits of a sweep that can be changed: one that has ended goes on with more trials.
import { useState } from 'preact/hooks';
import * as api from '../data/api';
import type { LiveSweep } from '../data/live';
import { sweepEnded, type Sweep } from '../data/model';
import { Dialog } from './dialog';
import { say } from './toast';

type Key = 'trials' | 'parallel' | 'priority';
const fields: [Key, string][] = [
  ['trials', 'trials, 0 for no limit'], ['parallel', 'trials at once, 0 for as many as workers take'], ['priority', 'priority over other sweeps'],
];

export function LimitsForm({ live, sweep, onClose }: { live: LiveSweep; sweep: Sweep; onClose: () => void }) {
  const before: Record<Key, string> = {
    trials: String(sweep.spec.limits.trials), parallel: String(sweep.spec.limits.parallel), priority: String(sweep.spec.priority),
  };
  const [typed, setTyped] = useState(before);
  const [problem, setProblem] = useState('');
  const changed = fields.map(([key]) => key).filter((key) => typed[key] !== before[key]);
  const send = async (): Promise<void> => {
    try {
      live.adopt(await api.updateSweep(sweep.id, { limits: Object.fromEntries(changed.map((key) => [key, typed[key]])) }));
      say(`${sweep.id} has other limits now`);
      onClose();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const command = ['lorasweep update', sweep.id, ...changed.map((key) => `limits.${key}=${typed[key]}`)].join(' ');
  return (
    <Dialog title={`Limits of ${sweep.id}`} onClose={onClose}>
      <form class="clone" onSubmit={(event) => { event.preventDefault(); void send(); }}>
        {fields.map(([key, help]) => (
          <label key={key} class="field">
            <span>{help}</span>
            <input name={`limits-${key}`} inputMode="numeric" value={typed[key]} onInput={(event) => setTyped({ ...typed, [key]: event.currentTarget.value.trim() })} />
          </label>
        ))}
        <p class="muted">{sweepEnded(sweep.state) ? 'With more trials than it has the sweep goes on.' : 'They count from the next trial on.'} In a terminal: <code>{command}</code></p>
        {problem && <p class="problem" role="alert">{problem}</p>}
        <footer>
          <button type="button" onClick={onClose}>Leave them</button>
          <button type="submit" class="primary" disabled={changed.length === 0}>Change them</button>
        </footer>
      </form>
    </Dialog>
  );
}
