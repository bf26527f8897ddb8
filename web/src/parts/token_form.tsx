import { useRef } from 'preact/hooks';
import { keepToken, tokenAsked } from '../data/token';

// Shown instead of a page that the server keeps to itself.
export function TokenForm() {
  const field = useRef<HTMLInputElement>(null);
  return (
    <main class="page">
      <form class="empty" onSubmit={(event) => { event.preventDefault(); keepToken(field.current?.value ?? ''); }}>
        <h1>This server asks who you are</h1>
        <p class="muted">{tokenAsked.value}</p>
        <label class="field"><span>Token</span><input ref={field} name="token" type="password" autocomplete="off" required /></label>
        <p><button type="submit" class="primary">Show the sweeps</button></p>
        <p class="muted">Whoever runs the server makes one: <code>lorasweep-server token create NAME --role view --state DIR</code></p>
      </form>
    </main>
  );
}
