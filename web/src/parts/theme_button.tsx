// Light, dark or as the system has it.
import { theme, type Theme } from '../data/theme';

const next: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' };
const marks: Record<Theme, string> = { system: '◐', dark: '☾', light: '☀' };

export function ThemeButton() {
  return (
    <button type="button" class="icon" aria-label={`Colours: ${theme.value}`} title={`Colours: ${theme.value}`}
            onClick={() => (theme.value = next[theme.value])}>{marks[theme.value]}</button>
  );
}
