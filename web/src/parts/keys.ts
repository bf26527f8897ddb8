// The keyboard. A view claims keys while it is shown; typing in a field is never taken for one.
import { go } from '../data/route';
import { helpShown } from './help';

type Handlers = Record<string, () => void>;
const stack: Handlers[] = [];

export function useKeysOf(handlers: Handlers): () => void {
  stack.push(handlers);
  return () => {
    stack.splice(stack.indexOf(handlers), 1);
  };
}

// A ref: the element that appears is the one that is typed into.
export const takeFocus = (element: HTMLElement | null): void => element?.focus();

export function installKeys(): () => void {
  const listener = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
      if (event.key === 'Escape') target.blur();
      return;
    }
    if (event.key === '?') helpShown.value = true;
    else if (event.key === 'g') go('#/');
    else {
      const handler = [...stack].reverse().find((one) => one[event.key])?.[event.key];
      if (!handler) return;
      handler();
    }
    event.preventDefault();
  };
  addEventListener('keydown', listener);
  return () => removeEventListener('keydown', listener);
}
