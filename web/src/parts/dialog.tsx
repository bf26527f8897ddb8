import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { say } from './toast';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

// A modal window; Escape and a click beside it close it.
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onClose={onClose}
            onClick={(event) => event.target === element.current && element.current?.close()}>
      <div class="dialog">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick={() => element.current?.close()}>✕</button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  loss: string;     // what the action does away with
  command: string;  // the same in a terminal
  verb: string;
  act: () => Promise<void>;
  onClose: () => void;
}

// Asks before something that cannot be taken back.
export function Confirm({ title, loss, command, verb, act, onClose }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const run = async (): Promise<void> => {
    setBusy(true);
    try {
      await act();
      onClose();
    } catch (error) {
      say((error as Error).message, true);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{loss}</p>
      <p class="muted">In a terminal: <code>{command}</code></p>
      <footer>
        <button type="button" onClick={onClose}>Keep it</button>
        <button type="button" class="danger" disabled={busy} onClick={() => void run()}>{verb}</button>
      </footer>
    </Dialog>
  );
}
