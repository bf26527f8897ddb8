// Light or dark: the system's choice until the person makes one.
import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';
const stored = localStorage.getItem('theme');
export const theme = signal<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system');
const colours = new Map<string, string>();
const system = matchMedia('(prefers-color-scheme: dark)');
export const dark = signal(false);  // what is shown; canvases draw again when it changes

const apply = (): void => {
  colours.clear();
  document.documentElement.dataset.theme = theme.value;
  dark.value = theme.value === 'dark' || (theme.value === 'system' && system.matches);
};
system.addEventListener('change', apply);
effect(() => {
  if (theme.value === 'system') localStorage.removeItem('theme');
  else localStorage.setItem('theme', theme.value);
  apply();
});

// A colour of style.css, for canvases.
export function colour(name: string): string {
  let found = colours.get(name);
  if (found === undefined) colours.set(name, (found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()));
  return found;
}
