// What is searched, a row for each parameter.
import type { ParameterRow } from '../data/form';

const kinds: [string, string][] = [
  ['log_uniform_values', 'from … to …, logarithmic'], ['uniform', 'from … to …'], ['int_uniform', 'whole, from … to …'],
  ['values', 'one of'], ['expression', 'computed from others'],
];

interface RowsProps {
  rows: ParameterRow[];
  names: string[];  // that a parameter may have
  set: (rows: ParameterRow[]) => void;
}

export function ParameterRows({ rows, names, set }: RowsProps) {
  const change = (index: number, part: Partial<ParameterRow>): void => set(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  return (
    <div class="parameters">
      <datalist id="parameter-names">{names.map((name) => <option key={name} value={name} />)}</datalist>
      {rows.map((row, index) => (
        <div key={index} class="parameter">
          <input aria-label="Parameter" list="parameter-names" value={row.name} placeholder="parameter" spellcheck={false}
                 onChange={(event) => change(index, { name: event.currentTarget.value.trim() })} />
          {row.raw ? <span class="muted">{row.kind}, as it is</span> : (
            <>
              <select aria-label={`Kind of ${row.name || 'the parameter'}`} value={row.kind} onChange={(event) => change(index, { kind: event.currentTarget.value })}>
                {kinds.map(([kind, text]) => <option key={kind} value={kind}>{text}</option>)}
              </select>
              {row.kind === 'values' || row.kind === 'expression' ? (
                <input class="wide" aria-label={`Values of ${row.name || 'the parameter'}`} value={row.values} spellcheck={false}
                       placeholder={row.kind === 'values' ? '4, 8, 16' : '2 * lora_rank'} onChange={(event) => change(index, { values: event.currentTarget.value })} />
              ) : (
                <>
                  <input aria-label={`Smallest ${row.name}`} value={row.min} placeholder="from" onChange={(event) => change(index, { min: event.currentTarget.value })} />
                  <input aria-label={`Largest ${row.name}`} value={row.max} placeholder="to" onChange={(event) => change(index, { max: event.currentTarget.value })} />
                </>
              )}
            </>
          )}
          {row.when && <span class="muted">when {row.when}</span>}
          <button type="button" class="icon" aria-label={`Remove ${row.name || 'the parameter'}`} onClick={() => set(rows.filter((_, at) => at !== index))}>✕</button>
        </div>
      ))}
      <button type="button" onClick={() => set([...rows, { name: '', kind: 'values', min: '', max: '', values: '', when: '' }])}>Add a parameter</button>
    </div>
  );
}
