// What people wrote about a sweep or a trial, and where they write it.
import { useState } from 'preact/hooks';
import { may } from '../data/roles';
import { takeFocus } from './keys';

interface NoteProps {
  note: string;
  command: string;  // the same in a terminal
  save: (note: string) => Promise<void>;
}

export const longestNote = 16 << 10;  // bytes, the server's limit

export function Note({ note, command, save }: NoteProps) {
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const [problem, setProblem] = useState('');
  const allowed = may('submit');
  if (typed === undefined) {
    if (!note && !allowed) return null;
    return (
      <div class="note">
        {note && <p>{note}</p>}
        {allowed && <button type="button" title={command} onClick={() => setTyped(note)}>{note ? 'Edit note' : 'Add a note'}</button>}
      </div>
    );
  }
  const size = new TextEncoder().encode(typed).length;
  const keep = async (): Promise<void> => {
    try {
      if (typed !== note) await save(typed);
      setTyped(undefined);
      setProblem('');
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <form class="note" onSubmit={(event) => { event.preventDefault(); void keep(); }}>
      <textarea aria-label="Note" rows={4} value={typed} ref={takeFocus} onInput={(event) => setTyped(event.currentTarget.value)}
                onKeyDown={(event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && void keep()} />
      {size > longestNote && <p class="problem" role="alert">{size - longestNote} bytes too long</p>}
      {problem && <p class="problem" role="alert">{problem}</p>}
      <span class="line">
        <button type="submit" class="primary" disabled={size > longestNote}>Save</button>
        <button type="button" onClick={() => setTyped(undefined)}>Leave it</button>
        <span class="muted">In a terminal: <code>{command}</code></span>
      </span>
    </form>
  );
}
