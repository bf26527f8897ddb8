// Learning curves, as observations arrive.
import type { Observation } from './model';

export interface Curve {
  steps: number[];
  tokens: number[];
  values: number[];
}

export type Curves = Map<number, Map<string, Curve>>;  // trial, metric

// Adds an observation; one that is there already (told again after a reconnection) changes nothing.
export function add(curves: Curves, trial: number, one: Observation): void {
  let metrics = curves.get(trial);
  if (!metrics) curves.set(trial, (metrics = new Map()));
  let curve = metrics.get(one.metric);
  if (!curve) metrics.set(one.metric, (curve = { steps: [], tokens: [], values: [] }));
  let at = curve.steps.length;
  while (at > 0 && curve.steps[at - 1]! > one.step) --at;
  if (at > 0 && curve.steps[at - 1] === one.step) return;
  curve.steps.splice(at, 0, one.step);
  curve.tokens.splice(at, 0, one.tokens);
  curve.values.splice(at, 0, one.value);
}

// Exponential smoothing with bias correction, as TensorBoard's slider; 0 leaves the values as they are.
export function smooth(values: number[], weight: number): number[] {
  if (weight <= 0) return values;
  let last = 0;
  let seen = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    seen += 1;
    return last / (1 - weight ** seen);
  });
}

// Largest-triangle-three-buckets: indices of at most `count` points that keep the curve's shape.
// Sveinn Steinarsson, Downsampling Time Series for Visual Representation, 2013.
export function downsample(x: number[], y: number[], count: number): number[] {
  const size = x.length;
  if (size <= count || count < 3) return x.map((_, index) => index);
  const kept = [0];
  const width = (size - 2) / (count - 2);
  for (let bucket = 0, from = 0; bucket < count - 2; ++bucket) {
    const begin = Math.floor(bucket * width) + 1;
    const end = Math.floor((bucket + 1) * width) + 1;
    const after = Math.min(Math.floor((bucket + 2) * width) + 1, size);
    let meanX = 0;
    let meanY = 0;
    for (let i = end; i < after; ++i) {
      meanX += x[i]! / (after - end);
      meanY += y[i]! / (after - end);
    }
    let best = begin;
    let largest = -1;
    for (let i = begin; i < end; ++i) {
      const area = Math.abs((x[from]! - meanX) * (y[i]! - y[from]!) - (x[from]! - x[i]!) * (meanY - y[from]!));
      if (area > largest) [largest, best] = [area, i];
    }
    kept.push(best);
    from = best;
  }
  kept.push(size - 1);
  return kept;
}
