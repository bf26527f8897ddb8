// What an action came to, said for a while at the foot of the page.
import { signal } from '@preact/signals';

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const toasts = signal<Toast[]>([]);
let last = 0;

export function say(text: string, bad = false): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text, bad }];
  setTimeout(() => {
    toasts.value = toasts.value.filter((one) => one.id !== id);
  }, bad ? 8000 : 4000);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((one) => <div key={one.id} class={one.bad ? 'toast bad' : 'toast'}>{one.text}</div>)}
    </div>
  );
}
