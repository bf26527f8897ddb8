// The leaderboard's columns: what each shows, how it sorts, how wide it is.
import type { ComponentChildren } from 'preact';
import * as format from '../data/format';
import type { Row, Sweep, Value } from '../data/model';
import { TrialMark } from './state';

export interface Column {
  key: string;
  title: string;
  hint: string;
  width: number;  // at least, rem
  text: boolean;  // left-aligned
  shown: boolean;  // unless the person says otherwise
  order: (row: Row) => number | string;
  cell: (row: Row) => ComponentChildren;
  plain: (row: Row) => string;  // for files
}

// As many decimals in all rows as the best row's error justifies: columns align, and no digit is noise.
function decimalsOf(rows: Row[], pick: (row: Row) => number, fallback: number): number {
  const found = rows.slice(0, 10).map((row) => format.decimalsFor(pick(row))).filter((one): one is number => one !== undefined);
  return found.length > 0 ? Math.max(...found) : fallback;
}

const sortable = (value: Value | undefined): number | string =>
  typeof value === 'boolean' ? Number(value) : (value ?? Number.POSITIVE_INFINITY);

export function columnsOf(sweep: Sweep, rows: Row[]): Column[] {
  const valueDecimals = decimalsOf(rows, (row) => row.stderr, 4);
  const gapDecimals = decimalsOf(rows.slice(1), (row) => row.gapStderr, valueDecimals);
  const value = (number: number): string => format.fixed(number, valueDecimals);
  const columns: Column[] = [
    { key: 'rank', title: '#', hint: 'Rank', width: 2.7, text: false, shown: true, order: (row) => row.rank,
      cell: (row) => <span class={row.rank === 1 ? 'best' : 'muted'}>{row.rank}</span>, plain: (row) => String(row.rank) },
    { key: 'trial', title: 'trial', hint: 'Number of the trial', width: 3.1, text: false, shown: true,
      order: (row) => row.trial.number, cell: (row) => row.trial.number, plain: (row) => String(row.trial.number) },
    { key: 'state', title: 'state', hint: 'What became of it', width: 6.4, text: true, shown: true,
      order: (row) => row.trial.state, cell: (row) => <TrialMark state={row.trial.state} />, plain: (row) => row.trial.state },
    { key: 'value', title: sweep.spec.metric.name.split('/').pop() ?? 'value',
      hint: `${sweep.spec.metric.name} at its last step, with its standard error over the validation sequences`,
      width: 7.8, text: false, shown: true, order: (row) => row.value,
      cell: (row) => (
        <span class={row.rank === 1 ? 'best' : ''}>
          {value(row.value)}{row.stderr > 0 && <small class="muted"> ± {value(row.stderr)}</small>}
        </span>
      ), plain: (row) => String(row.value) },
    { key: 'gap', title: 'gap to #1',
      hint: 'Difference to rank 1 on the same validation sequences at the last step that both reached; ≈ is within two standard errors',
      width: 10.4, text: false, shown: true, order: (row) => (row.rank === 1 ? -Infinity : row.gap),
      cell: (row) => row.rank === 1 ? <span class="muted">—</span> : !Number.isFinite(row.gap) ? <span class="muted">–</span> : (
        <span class={row.tied ? 'tied' : ''}>
          {row.tied && <span class="mark" title="not distinguishable from rank 1">≈</span>}
          {format.signed(row.gap, gapDecimals)}
          {row.gapStderr > 0 && <small class="muted"> ± {format.fixed(row.gapStderr, gapDecimals)}</small>}
        </span>
      ), plain: (row) => String(row.gap) },
  ];
  sweep.spec.metric.objectives.forEach((objective, index) => {
    const name = objective.split('=')[0] ?? objective;
    columns.push({ key: name, title: name.split('/').pop() ?? name, hint: objective, width: 6.5, text: false, shown: true,
      order: (row) => row.objectives[index] ?? Infinity, cell: (row) => format.compact(row.objectives[index] ?? NaN),
      plain: (row) => String(row.objectives[index] ?? '') });
  });
  const objectives = new Set(sweep.spec.metric.objectives.map((one) => one.split('=')[0]));
  const measured = new Set(rows.flatMap((row) => row.trial.measurements.map((one) => one.metric)));
  for (const metric of [...measured].filter((one) => !objectives.has(one)).sort()) {
    const of = (row: Row): number | undefined => row.trial.measurements.find((one) => one.metric === metric)?.value;
    columns.push({ key: metric, title: metric.split('/').pop() ?? metric, hint: metric, width: 6.5, text: false, shown: false,
      order: (row) => of(row) ?? Infinity, cell: (row) => format.setting(of(row)), plain: (row) => String(of(row) ?? '') });
  }
  for (const parameter of sweep.spec.parameters) {
    const fixed = parameter.distribution === 'constant' || parameter.distribution === 'expression';
    const words = parameter.values.some((one) => typeof one === 'string') || rows.some((row) => typeof row.trial.parameters[parameter.name] === 'string');
    columns.push({ key: parameter.name, title: format.shortName(parameter.name), hint: parameter.name,
      width: words ? 8 : 5.1, text: words, shown: !fixed, order: (row) => sortable(row.trial.parameters[parameter.name]),
      cell: (row) => format.setting(row.trial.parameters[parameter.name]),
      plain: (row) => String(row.trial.parameters[parameter.name] ?? '') });
  }
  columns.push({ key: 'step', title: 'steps', hint: 'Optimizer steps done', width: 4.2, text: false, shown: true,
    order: (row) => row.trial.step, cell: (row) => format.count(row.trial.step), plain: (row) => String(row.trial.step) });
  columns.push({ key: 'tokens', title: 'tokens', hint: 'Training tokens seen', width: 5.4, text: false, shown: false,
    order: (row) => row.trial.tokens, cell: (row) => format.compact(row.trial.tokens), plain: (row) => String(row.trial.tokens) });
  columns.push({ key: 'time', title: 'time', hint: 'From its first start to its end', width: 6, text: false, shown: false,
    order: (row) => (row.trial.end ?? Infinity) - (row.trial.start ?? 0),
    cell: (row) => (row.trial.start && row.trial.end ? format.duration(row.trial.end - row.trial.start) : '–'),
    plain: (row) => (row.trial.start && row.trial.end ? String((row.trial.end - row.trial.start) / 1000) : '') });
  columns.push({ key: 'attempts', title: 'attempts', hint: 'Tries on a worker', width: 5, text: false, shown: false,
    order: (row) => row.trial.attempts.length, cell: (row) => row.trial.attempts.length, plain: (row) => String(row.trial.attempts.length) });
  return columns;
}

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

export async function download(name: string, columns: Column[], pages: Iterable<Row[]> | AsyncIterable<Row[]>): Promise<void> {
  const lines = [columns.map((one) => quoted(one.key)).join(',')];
  for await (const rows of pages) {
    for (const row of rows) lines.push(columns.map((one) => quoted(one.plain(row))).join(','));
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], { type: 'text/csv' }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
