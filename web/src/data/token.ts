// The token that a guarded server asks for. It is kept in a cookie of this session, which only this page's own calls send.
import { signal } from '@preact/signals';

export const tokenAsked = signal('');  // why: what the server said; '' while nothing is asked for

export function keepToken(token: string): void {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `lorasweep_token=${encodeURIComponent(token.trim())}; SameSite=Strict; Path=/v1${secure}`;
  location.reload();
}
