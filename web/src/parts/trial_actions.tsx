// What can be done with a trial. Every action is a command of the terminal too.
import { useState } from 'preact/hooks';
import * as api from '../data/api';
import type { LiveSweep } from '../data/live';
import { ended, type Sweep, type Trial } from '../data/model';
import { may } from '../data/roles';
import { CloneForm } from './clone_form';
import { Confirm } from './dialog';
import { say } from './toast';

interface TrialActionsProps {
  live: LiveSweep;
  sweep: Sweep;
  trial: Trial;
}

export function TrialActions({ live, sweep, trial }: TrialActionsProps) {
  const [open, setOpen] = useState<'stop' | 'clone' | undefined>(undefined);
  if (!may('submit')) return null;
  const name = `${sweep.id}/${trial.number}`;
  const close = (): void => setOpen(undefined);
  const running = trial.state === 'RUNNING';
  const stopping = running && trial.outcomeReason !== '';
  const stop = async (): Promise<void> => {
    live.adoptTrial(await api.changeTrial(sweep.id, trial.number, 'stop'));
    say(`trial ${trial.number} ${running ? 'stops at its worker’s next report' : 'is cancelled'}`);
  };
  const retry = async (): Promise<void> => {
    live.adoptTrial(await api.changeTrial(sweep.id, trial.number, 'retry'));
    say(`trial ${trial.number} waits for another attempt`);
  };
  return (
    <div class="actions">
      {!ended(trial.state) && (
        <button type="button" disabled={stopping} title={`lorasweep trial stop ${name}`} onClick={() => setOpen('stop')}>
          {stopping ? 'Stopping' : 'Stop'}
        </button>
      )}
      {['FAILED', 'INFEASIBLE', 'CANCELLED'].includes(trial.state) && (
        <button type="button" title={`lorasweep trial retry ${name}`}
                onClick={() => void retry().catch((error: Error) => say(error.message, true))}>Retry</button>
      )}
      <button type="button" title={`lorasweep trial clone ${name}`} onClick={() => setOpen('clone')}>Clone and change…</button>
      {open === 'stop' && (
        <Confirm title={`Stop trial ${trial.number}?`} act={stop} onClose={close} verb="Stop the trial" command={`lorasweep trial stop ${name}`}
                 loss={running ? 'It ends at its worker’s next report. Its curves and its adapter as it is then are kept; the search learns nothing of it.'
                               : 'It ends now and is not run any further. What it has reported is kept.'} />
      )}
      {open === 'clone' && <CloneForm live={live} sweep={sweep} trial={trial} onClose={close} />}
    </div>
  );
}
