// A parameter as an axis: its range, whether it is logarithmic, its words.
import type { Parameter, Row, Value } from '../data/model';
import * as format from '../data/format';
import { colour } from '../data/theme';

export interface Axis {
  type: 'value' | 'log' | 'category';
  data?: string[];
  min?: number;
  max?: number;
}

const isNumber = (value: Value | undefined): value is number => typeof value === 'number';

export function axisOf(parameter: Parameter, rows: Row[]): Axis {
  const found = rows.map((row) => row.trial.parameters[parameter.name]).filter((one): one is Value => one !== undefined);
  const choices = parameter.values.length > 0 ? parameter.values : [...new Set(found)].filter((one) => !isNumber(one));
  // Few choices stand side by side at equal distances, also when they are numbers: 4, 8, 16, 32.
  if (choices.length > 0) {
    const all = [...new Set([...choices, ...found])];
    return { type: 'category', data: (all.every(isNumber) ? all.sort((a, b) => a - b) : all).map((one) => format.setting(one)) };
  }
  const numbers = found.filter(isNumber);
  const log = parameter.distribution.includes('log') && numbers.every((one) => one > 0);
  const bounds = { min: isNumber(parameter.min) ? parameter.min : undefined, max: isNumber(parameter.max) ? parameter.max : undefined };
  // log_uniform's bounds are exponents.
  return { type: log ? 'log' : 'value', ...(parameter.distribution.endsWith('log_uniform') ? {} : bounds) };
}

export function place(axis: Axis, value: Value | undefined): number | string | undefined {
  if (value === undefined) return undefined;  // a conditional parameter that is not in use
  return axis.type === 'category' ? format.setting(value) : isNumber(value) ? value : undefined;
}

export const searched = (parameters: Parameter[]): Parameter[] =>
  parameters.filter((one) => one.distribution !== 'constant' && one.distribution !== 'expression');

// How all axes look.
export const style = () => ({
  axisLine: { lineStyle: { color: colour('rule') } },
  axisTick: { show: false },
  axisLabel: { color: colour('muted'), fontSize: 11, backgroundColor: colour('panel'), padding: [0, 2], margin: 4, formatter: (value: number | string) => (typeof value === 'number' ? format.setting(value) : value) },
  splitLine: { lineStyle: { color: colour('grid') } },
  minorSplitLine: { show: false },
  nameTextStyle: { color: colour('text'), fontSize: 12 },
});
