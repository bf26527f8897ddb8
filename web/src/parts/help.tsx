import { signal } from '@preact/signals';
import { Dialog } from './dialog';

export const helpShown = signal(false);

const keys: [string, string][] = [
  ['j  k', 'next, previous trial of the leaderboard'],
  ['Enter', 'open the trial'],
  ['/', 'filter trials'],
  ['p', 'pause or resume the sweep'],
  ['l', 'logarithmic loss'],
  ['Esc', 'back'],
  ['g', 'all sweeps'],
  ['?', 'this help'],
];

export function Help() {
  if (!helpShown.value) return null;
  return (
    <Dialog title="Keys" onClose={() => (helpShown.value = false)}>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>{key.split('  ').map((one) => <kbd key={one}>{one}</kbd>)}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">The same facts in a terminal: <code>lorasweep leaderboard SWEEP --watch</code></p>
    </Dialog>
  );
}
