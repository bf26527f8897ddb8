// Words that people find a sweep by.
import { useState } from 'preact/hooks';
import * as api from '../data/api';
import type { LiveSweep } from '../data/live';
import type { Sweep } from '../data/model';
import { may } from '../data/roles';
import { takeFocus } from './keys';
import { say } from './toast';

export function Tags({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const allowed = may('submit');
  const change = (update: api.SweepUpdate): void => {
    void api.updateSweep(sweep.id, update).then((changed) => live.adopt(changed), (error: Error) => say(error.message, true));
  };
  const add = (): void => {
    const tags = (typed ?? '').split(/[\s,]+/).filter(Boolean);
    if (tags.length > 0) change({ add_tags: tags });
    setTyped(undefined);
  };
  if (sweep.tags.length === 0 && !allowed) return null;
  return (
    <ul class="tags" aria-label="Tags">
      {sweep.tags.map((tag) => (
        <li key={tag} class="tag">
          <a href={`#/?tag=${encodeURIComponent(tag)}`}>{tag}</a>
          {allowed && <button type="button" aria-label={`Take the tag ${tag} away`} onClick={() => change({ remove_tags: [tag] })}>×</button>}
        </li>
      ))}
      {allowed && (
        <li>
          {typed === undefined ? (
            <button type="button" title={`lorasweep tag ${sweep.id} TAG`} onClick={() => setTyped('')}>+ tag</button>
          ) : (
            <input aria-label="New tag" value={typed} ref={takeFocus} maxLength={50} onInput={(event) => setTyped(event.currentTarget.value)} onBlur={add}
                   onKeyDown={(event) => { if (event.key === 'Enter') add(); else if (event.key === 'Escape') setTyped(undefined); }} />
          )}
        </li>
      )}
    </ul>
  );
}
