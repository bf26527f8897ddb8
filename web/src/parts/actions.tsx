// What can be done with a sweep. Every action is a command of the terminal too.
import { useEffect, useState } from 'preact/hooks';
import * as api from '../data/api';
import * as format from '../data/format';
import type { LiveSweep } from '../data/live';
import { sweepEnded, type Sweep } from '../data/model';
import { may } from '../data/roles';
import { go } from '../data/route';
import { draft } from '../data/draft';
import { CloneForm } from './clone_form';
import { Confirm } from './dialog';
import { useKeysOf } from './keys';
import { LimitsForm } from './limits_form';
import { say } from './toast';

type Danger = 'stop' | 'cancel' | 'delete';

function lossOf(danger: Danger, sweep: Sweep): string {
  const running = sweep.counts.running;
  if (danger === 'stop') {
    return `No new trial is begun; ${running > 0 ? `the ${format.plural(running, 'running trial')} will be finished` : 'nothing runs now'}. ` +
      'A stopped sweep does not go on later: pause it for that.';
  }
  if (danger === 'cancel') {
    return `The sweep ends now. ${running > 0 ? `${format.plural(running, 'running trial')} will be cancelled; what they learned is lost. ` : ''}` +
      'Results of trials that ended are kept.';
  }
  return 'Its trials, curves, adapters and checkpoints are deleted for good.';
}

export function SweepActions({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  const allowed = may('submit');
  const [danger, setDanger] = useState<Danger | undefined>(undefined);
  const [menu, setMenu] = useState(false);
  const [form, setForm] = useState<'limits' | 'point' | undefined>(undefined);
  const change = async (verb: api.SweepVerb): Promise<void> => {
    live.adopt(await api.changeSweep(sweep.id, verb));
    say(`${sweep.id}: ${verb}${verb.endsWith('e') ? 'd' : verb === 'stop' ? 'ping' : 'led'}`);
  };
  const safely = (verb: api.SweepVerb): void => void change(verb).catch((error: Error) => say(error.message, true));
  const pausable = allowed && sweep.state === 'RUNNING';
  const resumable = allowed && sweep.state === 'PAUSED';
  const over = sweepEnded(sweep.state);
  useEffect(() => useKeysOf({ p: () => (pausable ? safely('pause') : resumable && safely('resume')) }), [sweep.state, allowed]);
  useEffect(() => {
    if (!menu) return undefined;
    const close = (): void => setMenu(false);
    addEventListener('click', close);
    return () => removeEventListener('click', close);
  }, [menu]);
  const clone = (): void => {
    draft.value = sweep.spec.raw;
    go('#/new');
  };
  const run = async (): Promise<void> => {
    if (danger === 'delete') {
      await api.deleteSweep(sweep.id);
      say(`${sweep.id} is deleted`);
      go('#/');
    } else if (danger) {
      await change(danger);
    }
  };
  return (
    <div class="actions">
      {pausable && <button type="button" title={`lorasweep pause ${sweep.id}`} onClick={() => safely('pause')}>Pause</button>}
      {resumable && <button type="button" class="primary" title={`lorasweep resume ${sweep.id}`} onClick={() => safely('resume')}>Resume</button>}
      {(pausable || resumable) && <button type="button" title={`lorasweep stop ${sweep.id}`} onClick={() => setDanger('stop')}>Stop</button>}
      <div class="menu-holder">
        <button type="button" class="icon" aria-label="More actions" aria-haspopup="menu" aria-expanded={menu}
                onClick={(event) => { event.stopPropagation(); setMenu(!menu); }}>⋯</button>
        {menu && (
          <div class="menu" role="menu">
            <button type="button" role="menuitem" onClick={clone}>New sweep like this…</button>
            {allowed && <button type="button" role="menuitem" onClick={() => setForm('point')}>Try a point…</button>}
            {allowed && <button type="button" role="menuitem" onClick={() => setForm('limits')}>{over ? 'More trials…' : 'Change limits…'}</button>}
            {!over && allowed && <button type="button" role="menuitem" onClick={() => setDanger('cancel')}>Cancel…</button>}
            {over && may('admin') && <button type="button" role="menuitem" onClick={() => setDanger('delete')}>Delete…</button>}
          </div>
        )}
      </div>
      {form === 'limits' && <LimitsForm live={live} sweep={sweep} onClose={() => setForm(undefined)} />}
      {form === 'point' && <CloneForm live={live} sweep={sweep} onClose={() => setForm(undefined)} />}
      {danger && (
        <Confirm title={`${danger[0]!.toUpperCase()}${danger.slice(1)} ${sweep.id}?`} loss={lossOf(danger, sweep)}
                 command={`lorasweep ${danger} ${sweep.id}`} verb={`${danger[0]!.toUpperCase()}${danger.slice(1)} the sweep`} act={run}
                 onClose={() => setDanger(undefined)} />
      )}
    </div>
  );
}
