// The page's address holds the state of the view: #/sweeps/math-tutor?sort=gap&trial=9
import { signal } from '@preact/signals';

export interface Route {
  view: 'list' | 'sweep' | 'trial' | 'new' | 'compare';
  sweep: string;
  trial: number;
  query: URLSearchParams;
}

function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const parts = path.split('/').map(decodeURIComponent);
  const route: Route = { view: 'list', sweep: parts[1] ?? '', trial: Number(parts[3]), query: new URLSearchParams(query) };
  if (parts[0] === 'new' || parts[0] === 'compare') route.view = parts[0];
  else if (parts[0] === 'sweeps' && parts[1]) route.view = parts[2] === 'trials' && parts[3] ? 'trial' : 'sweep';
  return route;
}

export const route = signal(parse(location.hash));
addEventListener('hashchange', () => {
  route.value = parse(location.hash);
});

export const href = (sweep?: string, trial?: number): string =>
  sweep === undefined ? '#/' : `#/sweeps/${sweep}${trial === undefined ? '' : `/trials/${trial}`}`;

export const go = (hash: string): void => {
  location.hash = hash;
};

// Changes one part of the state without a step in the browser's history; '' removes it.
export function setQuery(changes: Record<string, string>): void {
  const query = new URLSearchParams(route.value.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === '') query.delete(key);
    else query.set(key, value);
  }
  const path = location.hash.split('?')[0] || '#/';
  const text = query.toString();
  history.replaceState(null, '', text ? `${path}?${text}` : path);
  route.value = parse(location.hash);
}
