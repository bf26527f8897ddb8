// A sweep's spec while it is written in the form, in the server's JSON, and what the server says its keys may be.
import { signal } from '@preact/signals';
import * as api from './api';
import { value as plain } from './decode';
import type { Value } from './model';

export interface Key {
  name: string;
  kind: 'text' | 'number' | 'flag' | 'texts' | 'numbers';
  words: string[];
  help: string;
}

type Json = any;

export const sections = ['', 'data', 'training', 'metric', 'early_terminate', 'limits'] as const;
export type Section = (typeof sections)[number];
const messages: Record<Section, string> = {
  '': 'SweepSpec', data: 'DataSpec', training: 'TrainingSpec', metric: 'MetricSpec', early_terminate: 'EarlyTerminateSpec', limits: 'LimitsSpec',
};

export const keys = signal<Record<Section, Key[]> | undefined>(undefined);

function key(name: string, schema: Json): Key | undefined {
  if (schema.description === undefined) return undefined;
  const item = schema.type === 'array' ? schema.items : schema;
  if (item.$ref || schema.allOf) return undefined;
  const number = item.type === 'number' || item.format === 'int64' || item.format === 'int32';
  const kind = item.type === 'boolean' ? 'flag' : number ? 'number' : 'text';
  return { name, kind: schema.type === 'array' ? (`${kind}s` as Key['kind']) : kind, words: item.enum ?? [], help: schema.description };
}

// From the server's own description, once.
export async function loadKeys(): Promise<void> {
  if (keys.value) return;
  const schemas = ((await api.schema()) as Json).components.schemas;
  const found = {} as Record<Section, Key[]>;
  for (const section of sections) {
    found[section] = Object.entries(schemas[messages[section]].properties)
      .map(([name, one]) => key(name, one)).filter((one): one is Key => one !== undefined);
  }
  keys.value = found;
}

// What a field shows of a spec's value, and the spec's value for what a person typed; '' is absent.
export const shown = (value: Json): string => (value === undefined ? '' : Array.isArray(value) ? value.join(', ') : String(value));
export function typed(one: Key, text: string): Json {
  if (text.trim() === '') return undefined;
  if (one.kind === 'flag') return text === 'true';
  if (one.kind === 'texts' || one.kind === 'numbers') return text.split(',').map((part) => part.trim()).filter(Boolean);
  return text.trim();
}

export type ParameterKind = 'log_uniform_values' | 'uniform' | 'int_uniform' | 'values' | 'expression';
export interface ParameterRow {
  name: string;
  kind: ParameterKind | string;
  min: string;
  max: string;
  values: string;  // with commas; the expression
  when: string;    // its condition; empty: none
  raw?: Json;      // of a kind that the form does not write
}

// A value of a parameter, as a person typed it.
export function toValue(text: string): Json {
  const trimmed = text.trim();
  if (trimmed === 'true' || trimmed === 'false') return { flag: trimmed === 'true' };
  if (/^-?\d+$/.test(trimmed)) return { integer: trimmed };
  if (trimmed !== '' && Number.isFinite(Number(trimmed))) return { number: Number(trimmed) };
  return { text: trimmed };
}

const fromValue = (json: Json): string => String((plain(json) as Value | undefined) ?? '');

export function toRow(json: Json): ParameterRow {
  const row: ParameterRow = { name: json.name, kind: json.distribution ?? '', min: fromValue(json.min), max: fromValue(json.max), values: '', when: json.when ?? '' };
  if (json.expression) return { ...row, kind: 'expression', values: json.expression };
  if (json.values?.length > 0 && !json.probabilities?.length) return { ...row, kind: 'values', values: json.values.map(fromValue).join(', ') };
  if (['log_uniform_values', 'uniform', 'int_uniform'].includes(row.kind) && json.q === undefined) return row;
  return { ...row, raw: json };
}

export function fromRow(row: ParameterRow): Json {
  if (row.raw) return row.raw;
  const name = { name: row.name, ...(row.when ? { when: row.when } : {}) };
  if (row.kind === 'expression') return { ...name, distribution: 'expression', expression: row.values };
  if (row.kind === 'values') return { ...name, values: row.values.split(',').filter((one) => one.trim()).map(toValue) };
  return { ...name, distribution: row.kind, min: toValue(row.min), max: toValue(row.max) };
}
