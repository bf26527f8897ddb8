// Which trial is meant: what is pointed at or picked anywhere is marked everywhere.
import { computed, signal } from '@preact/signals';
import { route } from './route';

export const hovered = signal<number | undefined>(undefined);
// The trials that a stretch of an axis lets through; undefined: all.
export const brushed = signal<Set<number> | undefined>(undefined);
// In the address, so that a link shows it.
export const picked = computed<number | undefined>(() => {
  const text = route.value.query.get('trial');
  return text === null ? undefined : Number(text);
});
