// Which trial is meant: what is pointed at or picked anywhere is marked everywhere.
import { computed, signal } from '@preact/signals';
import { route } from './route';

export const hovered = signal<number | undefined>(undefined);
// The same once the pointer has come to rest: for charts that take long to draw.
const rested = signal<number | undefined>(undefined);
let timer = 0;
hovered.subscribe((trial) => {
  clearTimeout(timer);
  timer = window.setTimeout(() => (rested.value = trial), 80);
});
// The trials that a stretch of an axis lets through; undefined: all.
export const brushed = signal<Set<number> | undefined>(undefined);
// In the address, so that a link shows it.
export const picked = computed<number | undefined>(() => {
  const text = route.value.query.get('trial');
  return text === null ? undefined : Number(text);
});
// The names of the trials that such charts mark.
export const marks = (): string[] => [...new Set([rested.value, picked.value])].filter((one) => one !== undefined).map(String);
