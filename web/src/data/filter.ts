// The words of the leaderboard's filter: "rank>=16 pruned", "lr<1e-3", "3" (a trial's number), "optimizer=lion".
import { shortName } from './format';
import type { Row, TrialState, Value } from './model';
import { trialLook } from '../parts/state';

type Test = (row: Row) => boolean;

const operators: Record<string, (a: Value, b: string) => boolean> = {
  '<=': (a, b) => Number(a) <= Number(b),
  '>=': (a, b) => Number(a) >= Number(b),
  '!=': (a, b) => String(a) !== b && Number(a) !== Number(b),
  '<': (a, b) => Number(a) < Number(b),
  '>': (a, b) => Number(a) > Number(b),
  '=': (a, b) => String(a) === b || Number(a) === Number(b),
};

function field(row: Row, name: string): Value | undefined {
  if (name === 'loss' || name === 'value') return row.value;
  if (name === 'gap') return row.gap;
  if (name === 'steps' || name === 'step') return row.trial.step;
  if (name === 'trial') return row.trial.number;
  if (name === 'state') return trialLook(row.trial.state).word;
  const key = Object.keys(row.trial.parameters).find((one) => one === name || shortName(one) === name);
  return key === undefined ? undefined : row.trial.parameters[key];
}

function test(word: string): Test {
  const [, name, operator, wanted] = /^([\w+.]+)(<=|>=|!=|<|>|=)(.+)$/.exec(word) ?? [];
  if (name !== undefined && operator !== undefined && wanted !== undefined) {
    return (row) => {
      const value = field(row, name);
      return value !== undefined && operators[operator]!(value, wanted);
    };
  }
  const lower = word.toLowerCase();
  return (row) =>
    String(row.trial.number) === lower || trialLook(row.trial.state as TrialState).word.startsWith(lower) ||
    Object.values(row.trial.parameters).some((one) => typeof one === 'string' && one.toLowerCase().includes(lower));
}

export function matches(text: string): Test {
  const tests = text.split(/\s+/).filter(Boolean).map(test);
  return (row) => tests.every((one) => one(row));
}
