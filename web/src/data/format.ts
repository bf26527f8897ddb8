// The one formatter of numbers, times and settings.
import type { Value } from './model';

// Decimals that a standard error justifies: two digits of it, or one when it begins with 4 or more.
export function decimalsFor(stderr: number): number | undefined {
  if (!(stderr > 0) || !Number.isFinite(stderr)) return undefined;
  const exponent = Math.floor(Math.log10(stderr));
  const leading = stderr / 10 ** exponent;
  return Math.max(0, Math.min(8, -exponent + (leading < 4 ? 1 : 0)));
}

export function fixed(value: number, decimals: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  return value.toFixed(decimals).replace('-', '−');
}

export const signed = (value: number, decimals: number): string => (value >= 0 ? '+' : '') + fixed(value, decimals);

// A setting's value, as short as it stays exact: 3.1e-4, 32, 0.05, cosine.
export function setting(value: Value | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const rounded = Number(value.toPrecision(3));
  const magnitude = Math.abs(rounded);
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e5)) {
    return rounded.toExponential().replace('e+', 'e').replace('-', '−').replace('e−', 'e-');
  }
  return String(rounded).replace('-', '−');
}

// A metric without a standard error beside it.
export function metric(value: number | undefined): string {
  if (value === undefined) return '–';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e5)) return setting(value);
  return fixed(value, magnitude >= 100 ? 1 : 4);
}

const grouped = new Intl.NumberFormat('en-US');
export const count = (value: number): string => grouped.format(value);

export function compact(value: number): string {
  if (value < 10000) return count(Math.round(value));
  const [unit, name] = value < 1e6 ? [1e3, 'k'] : value < 1e9 ? [1e6, 'M'] : [1e9, 'G'];
  return `${(value / unit).toPrecision(3)} ${name}`;
}

export const bytes = (value: number): string => (value < 1000 ? `${value} B` : `${compact(value)}B`.replace('k', 'k'));

export function plural(number: number, word: string): string {
  return `${count(number)} ${word}${number === 1 ? '' : 's'}`;
}

export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

// To one unit: for what changes while it is read.
export function rough(ms: number): string {
  const units: [number, string][] = [[86400e3, 'day'], [3600e3, 'h'], [60e3, 'min'], [1e3, 's']];
  const [size, name] = units.find(([one]) => ms >= one) ?? [1e3, 's'];
  const number = Math.round(ms / size);
  return `${number} ${name === 'day' && number !== 1 ? 'days' : name}`;
}

export const ago = (then: number, now: number): string => (!then ? '' : now - then < 5000 ? 'now' : `${rough(now - then)} ago`);

export const clock = (time: number): string =>
  new Date(time).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const date = (time: number): string =>
  new Date(time).toLocaleString(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });

// Names of parameters as people say them in a narrow column.
const shortNames: Record<string, string> = {
  learning_rate: 'lr', lora_rank: 'rank', lora_alpha: 'alpha', lora_dropout: 'dropout', weight_decay: 'decay',
  batch_size: 'batch', loraplus_lr_ratio: 'lora+', target_modules: 'modules', max_grad_norm: 'clip',
};
export const shortName = (name: string): string => shortNames[name] ?? name.replace(/^lora_/, '').replaceAll('_', ' ');

export const metricWords = (name: string): string => name.replace('/', ' ');
