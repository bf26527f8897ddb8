// What a trial's curves say, in a sentence; nothing when they are as they should be.
import type { Curve } from './curves';
import * as format from './format';

const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

export function diagnose(train: Curve | undefined, validation: Curve | undefined): string[] {
  const found: string[] = [];
  const held = validation?.values.filter(Number.isFinite) ?? [];
  const learned = train?.values.filter(Number.isFinite) ?? [];
  if (train?.values.some((one) => !Number.isFinite(one)) || validation?.values.some((one) => !Number.isFinite(one))) {
    found.push('The loss is not a number at some step: the learning rate is too high for these settings.');
  }
  if (held.length >= 3 && validation) {
    const best = Math.min(...held);
    const at = held.indexOf(best);
    const rise = held[held.length - 1]! - best;
    if (at < held.length - 2 && rise > 0.02 * Math.abs(best)) {
      found.push(`Overfitting: validation loss was best at step ${format.count(validation.steps[at]!)} and has risen by ${format.metric(rise)} since, ` +
        'while training went on. Fewer steps, a smaller rank or some dropout may help.');
    }
  }
  if (learned.length >= 20) {
    const tenth = Math.max(2, Math.floor(learned.length / 10));
    const [begin, end] = [mean(learned.slice(0, tenth)), mean(learned.slice(-tenth))];
    const jumps = learned.slice(tenth).filter((one, index, rest) => index > 0 && one - rest[index - 1]! > 0.5 * (begin - Math.min(...learned)) && one > begin);
    if (end > 0.98 * begin) found.push('Underfitting: training loss has hardly fallen. A higher learning rate or rank, or more steps, may help.');
    else if (jumps.length > 1) found.push('Training loss jumps above where it began: the learning rate may be too high.');
  }
  return found;
}

// What a trial costs beside another one, where that is a quarter more or less for as many tokens.
export function cost(own: Curve | undefined, other: Curve | undefined, otherTrial: number): string[] {
  const [speed, reference] = [own?.values.at(-1), other?.values.at(-1)];
  if (!speed || !reference) return [];
  const times = reference / speed;
  if (times < 1.25 && times > 0.8) return [];
  return [`Cost: it took ${times.toFixed(times < 10 ? 1 : 0)} times as long as trial ${otherTrial}, the best, for as many tokens ` +
    `(${format.compact(speed)} against ${format.compact(reference)} a second).`];
}
