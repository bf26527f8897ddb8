// The part of the data that a chart shows.

export interface Range {
  low: number;
  high: number;
}

// From a list of values the range to show. On a linear axis the first values of diverging or untrained trials must not
// squeeze the rest: the highest 4 % may lie outside, when that makes the range less than half.
export function rangeOf(values: number[], log: boolean): Range {
  const usable = values.filter((one) => Number.isFinite(one) && (!log || one > 0)).sort((a, b) => a - b);
  if (usable.length === 0) return log ? { low: 0.1, high: 1 } : { low: 0, high: 1 };
  const low = usable[0]!;
  let high = usable[usable.length - 1]!;
  const most = usable[Math.floor((usable.length - 1) * 0.96)]!;
  if (!log && most > low && most - low < 0.5 * (high - low)) high = most;
  if (log) return low === high ? { low: low / 1.5, high: high * 1.5 } : { low: low * (low / high) ** 0.05, high: high * (high / low) ** 0.05 };
  const room = high > low ? (high - low) * 0.06 : Math.abs(low) * 0.1 || 0.5;
  return { low: low - room, high: high + room };
}
