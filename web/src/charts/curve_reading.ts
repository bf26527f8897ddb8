// What a chart of curves says where the pointer is: every trial's value at that step, the nearest one first.
import type uPlot from 'uplot';
import * as format from '../data/format';
import type { CurvesProps } from './curves';

export interface Reading {
  trial?: number;  // the nearest, when one is near
  title: string;
  left: number;    // of the pointer, CSS pixels in the chart
  rows: { key: string; trial: number; value: string; colour: string; dashed: boolean; hovered: boolean }[];
  more: number;
}

const ROWS = 8;
const NEAR = 24;  // pixels

// Index of the last point at or before x; -1: the line begins later.
function at(x: number[], wanted: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function nearest(chart: uPlot, { lines, xTitle }: CurvesProps): Reading | undefined {
  const { left, top } = chart.cursor;
  if (left === undefined || top === undefined || left < 0 || top < 0) return undefined;
  const x = chart.posToVal(left, 'x');
  const found: { line: (typeof lines)[number]; value: number; step: number; distance: number }[] = [];
  for (const line of lines) {
    const before = at(line.x, x);
    const after = Math.min(before + 1, line.x.length - 1);
    // The nearer of the two points around the pointer; a curve that ended far before is not meant.
    const index = before < 0 || Math.abs(line.x[after]! - x) < Math.abs(x - line.x[before]!) ? after : before;
    const across = chart.valToPos(line.x[index]!, 'x') - left;
    if (Math.abs(across) > 60) continue;
    const value = line.y[index]!;
    const distance = Math.hypot(chart.valToPos(value, 'y') - top, across / 4);
    found.push({ line, value, step: line.x[index]!, distance });
  }
  if (found.length === 0) return undefined;
  found.sort((a, b) => a.distance - b.distance);
  const first = found[0]!;
  const near = first.distance < NEAR ? first.line.trial : undefined;
  const step = first.step;
  const shown = found.slice(0, ROWS).sort((a, b) => a.value - b.value);
  return {
    trial: near,
    title: `${xTitle} ${format.count(Math.round(step))}`,
    left: left + chart.bbox.left / devicePixelRatio,
    rows: shown.map(({ line, value, step: own }) => ({
      key: `${line.trial} ${line.dashed}`, trial: line.trial, dashed: line.dashed, colour: line.colour, hovered: near !== undefined && line === first.line,
      value: own === step ? format.metric(value) : `${format.metric(value)} @ ${format.count(Math.round(own))}`,
    })),
    more: found.length - shown.length,
  };
}
