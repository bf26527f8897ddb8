// The words of the leaderboard's filter: "rank>=16 pruned", "lr<1e-3", "3" (a trial's number), "optimizer=lion".
import { shortName } from './format';
import type { Parameter, Row, TrialState, Value } from './model';
import { stateWords, trialLook } from '../parts/state';

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

const numeric = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const quoted = (text: string): string => (numeric.test(text) || text === 'true' || text === 'false' ? text : text.includes("'") ? `"${text}"` : `'${text}'`);
const statesLike = (test: (word: string) => boolean): string[] => stateWords.filter(([, word]) => test(word)).map(([state]) => state);

// One word in the server's words; undefined: no row fits it.
function condition(word: string, parameters: Parameter[]): string | undefined {
  const [, name, operator, wanted] = /^([\w+.]+)(<=|>=|!=|<|>|=)(.+)$/.exec(word) ?? [];
  if (name !== undefined && operator !== undefined && wanted !== undefined) {
    const sign = operator === '=' ? '==' : operator;
    if (name === 'state') {
      const states = statesLike((one) => one === wanted);
      return states.length > 0 ? `state ${sign} ${states[0]}` : undefined;
    }
    const known: Record<string, string> = { loss: 'value', value: 'value', gap: 'gap', steps: 'step', step: 'step', trial: 'trial' };
    const field = known[name] ?? parameters.find((one) => one.name === name || shortName(one.name) === name)?.name;
    return field && `${field} ${sign} ${quoted(wanted)}`;
  }
  if (/^\d+$/.test(word)) return `trial == ${word}`;
  const lower = word.toLowerCase();
  const states = statesLike((one) => one.startsWith(lower));
  if (states.length > 0) return `state in [${states.join(', ')}]`;
  const texts = (one: Parameter): Value[] => one.values.filter((value) => typeof value === 'string' && value.toLowerCase().includes(lower));
  const parameter = parameters.find((one) => texts(one).length > 0);
  return parameter && `${parameter.name} in [${texts(parameter).map((one) => quoted(String(one))).join(', ')}]`;
}

// The same filter for the server, which has rows that this page has not; undefined: no row fits.
export function conditionOf(text: string, parameters: Parameter[]): string | undefined {
  const conditions = text.split(/\s+/).filter(Boolean).map((word) => condition(word, parameters));
  return conditions.includes(undefined) ? undefined : conditions.join(' and ');
}
