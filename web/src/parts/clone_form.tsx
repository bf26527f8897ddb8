// Another trial like one that is there, with some of its settings changed, or one of a point that is like none.
import { useState } from 'preact/hooks';
import { searched } from '../charts/axes';
import * as api from '../data/api';
import { toValue } from '../data/form';
import type { LiveSweep } from '../data/live';
import type { Sweep, Trial, Value } from '../data/model';
import { go, href } from '../data/route';
import { Dialog } from './dialog';
import { say } from './toast';

interface CloneFormProps {
  live: LiveSweep;
  sweep: Sweep;
  trial?: Trial;  // without it, what is left open is as the sweep's method has it next
  onClose: () => void;
}

const text = (value: Value | undefined): string => (value === undefined ? '' : String(value));
// A listed text is one, whatever it looks like.
const sent = (typed: string, values: Value[]): unknown =>
  values.some((one) => typeof one === 'string' && one === typed) ? { text: typed } : toValue(typed);

export function CloneForm({ live, sweep, trial, onClose }: CloneFormProps) {
  const parameters = searched(sweep.spec.parameters);
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [warm, setWarm] = useState(false);
  const hasAdapter = trial?.artifacts.some((one) => one.kind === 'adapter');
  // What stays as it was is taken from the trial itself, digit for digit.
  const changed = parameters.filter(({ name }) => (typed[name] ?? '') !== '' && typed[name] !== text(trial?.parameters[name]));
  const send = async (): Promise<void> => {
    setBusy(true);
    setProblem('');
    try {
      const values = Object.fromEntries(changed.map((one) => [one.name, sent(typed[one.name]!, one.values)]));
      const made = await api.enqueueTrial(sweep.id, values, trial?.number, warm);
      live.adoptTrial(made);
      say(`trial ${made.number} waits for a worker`);
      onClose();
      go(href(sweep.id, made.number));
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  const set = (name: string, value: string): void => setTyped({ ...typed, [name]: value.trim() });
  const command = [trial ? `lorasweep trial clone ${sweep.id}/${trial.number}` : `lorasweep enqueue ${sweep.id}`, ...changed.map(({ name }) => `--set ${name}=${typed[name]}`), ...(warm ? ['--warm-start'] : [])].join(' ');
  return (
    <Dialog title={trial ? `Another trial like trial ${trial.number}` : 'A point to try next'} onClose={onClose}>
      <form class="clone" onSubmit={(event) => { event.preventDefault(); void send(); }}>
        <div class="fields">
          {parameters.map(({ name, values }) => {
            const shown = typed[name] ?? text(trial?.parameters[name]);
            const open = trial ? 'not in use' : 'as the method has it';
            return (
              <label key={name} class="field">
                <span>{name}</span>
                {values.length > 0 ? (
                  <select name={`set-${name}`} value={shown} onChange={(event) => set(name, event.currentTarget.value)}>
                    {!values.some((one) => text(one) === shown) && <option value={shown}>{shown || open}</option>}
                    {values.map((one) => <option key={text(one)} value={text(one)}>{text(one)}</option>)}
                  </select>
                ) : (
                  <input name={`set-${name}`} value={shown} spellcheck={false} inputMode="decimal"
                         placeholder={text(trial?.parameters[name]) || open} onInput={(event) => set(name, event.currentTarget.value)} />
                )}
              </label>
            );
          })}
        </div>
        {hasAdapter && (
          <label class="check" title="Its rank, alpha and modules stay those of the adapter; the search does not learn from such a trial">
            <input type="checkbox" name="warm-start" checked={warm} onChange={(event) => setWarm(event.currentTarget.checked)} />
            Go on from the adapter of trial {trial?.number}
          </label>
        )}
        <p class="muted">It is tried next, on top of the sweep's own trials. In a terminal: <code>{command}</code></p>
        {problem && <p class="problem" role="alert">{problem}</p>}
        <footer>
          <button type="button" onClick={onClose}>Leave it</button>
          <button type="submit" class="primary" disabled={busy}>Try it next</button>
        </footer>
      </form>
    </Dialog>
  );
}
