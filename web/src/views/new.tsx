// A new sweep: written, checked and submitted here. What may be written comes from the server's own description.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import * as api from '../data/api';
import { draft } from '../data/draft';
import * as format from '../data/format';
import { fromRow, keys, loadKeys, toRow, type Key, type ParameterRow, type Section } from '../data/form';
import type { Sweep } from '../data/model';
import { go, href } from '../data/route';
import { Bar } from '../parts/bar';
import { Field, SplitField } from '../parts/field';
import { useKeysOf } from '../parts/keys';
import { ParameterRows } from '../parts/parameter_rows';
import { say } from '../parts/toast';

type Json = Record<string, unknown>;

const titles: [Section, string, string[]][] = [
  ['', 'What', ['name', 'model', 'seed']],
  ['data', 'Data', ['train', 'max_length', 'loss_on', 'packing']],
  ['training', 'Training', ['max_steps', 'batch_size', 'learning_rate', 'warmup', 'schedule', 'eval_every', 'save_every', 'lora_rank', 'lora_alpha', 'lora_dropout']],
  ['metric', 'What is good', ['name', 'goal']],
  ['early_terminate', 'Stopping early', ['type', 'min_steps', 'eta']],
  ['limits', 'Limits', ['trials', 'parallel']],
];

const example: ParameterRow[] = [
  { name: 'learning_rate', kind: 'log_uniform_values', min: '5e-5', max: '3e-3', values: '', when: '' },
  { name: 'lora_rank', kind: 'values', min: '', max: '', values: '4, 8, 16, 32', when: '' },
];

function initial(): { spec: Json; rows: ParameterRow[] } {
  const from = draft.value as Json | undefined;
  if (!from) return { spec: { method: 'tpe', early_terminate: { type: 'asha' } }, rows: example };
  const { known_trials: _, ...spec } = structuredClone(from);
  return { spec, rows: ((spec.parameters as Json[]) ?? []).map(toRow) };
}

interface SectionProps {
  title: string;
  all: Key[];
  usual: string[];
  values: Json;
  set: (name: string, value: unknown) => void;
}

function SectionFields({ title, all, usual, values, set }: SectionProps) {
  const first = usual.map((name) => all.find((one) => one.name === name)).filter((one): one is Key => one !== undefined);
  const rest = all.filter((one) => !usual.includes(one.name));
  return (
    <fieldset>
      <legend>{title}</legend>
      <div class="fields">
        {first.map((one) => <Field key={one.name} of={one} value={values[one.name]} set={(value) => set(one.name, value)} />)}
        {title === 'Data' && <SplitField value={values.validation as Json | undefined} set={(value) => set('validation', value)} />}
      </div>
      {rest.length > 0 && (
        <details>
          <summary>{format.plural(rest.length, 'more setting')}</summary>
          <div class="fields">{rest.map((one) => <Field key={one.name} of={one} value={values[one.name]} set={(value) => set(one.name, value)} />)}</div>
        </details>
      )}
    </fieldset>
  );
}

export function NewView() {
  const begin = useSignal(initial());
  const checked = useSignal<Sweep | undefined>(undefined);
  const problems = useSignal<string[]>([]);
  const busy = useSignal(false);
  document.title = 'New sweep · lorasweep';
  useEffect(() => {
    void loadKeys().catch((error: Error) => say(error.message, true));
    return useKeysOf({ Escape: () => go('#/') });
  }, []);

  const update = (spec: Json, rows = begin.value.rows): void => {
    begin.value = { spec, rows };
    checked.value = undefined;
  };
  const set = (section: Section, name: string, value: unknown): void => {
    const spec = begin.value.spec;
    if (section === '') update({ ...spec, [name]: value });
    else update({ ...spec, [section]: { ...(spec[section] as Json | undefined), [name]: value } });
  };
  const send = async (checkOnly: boolean): Promise<void> => {
    busy.value = true;
    problems.value = [];
    try {
      const sweep = await api.createSweep({ ...begin.value.spec, parameters: begin.value.rows.map(fromRow) }, checkOnly);
      if (checkOnly) checked.value = sweep;
      else go(href(sweep.id));
    } catch (error) {
      problems.value = (error as Error).message.split('\n');
    }
    busy.value = false;
  };

  const { spec, rows } = begin.value;
  const known = keys.value;
  return (
    <>
      <Bar crumbs={<span aria-current="page">new sweep</span>} workers={[]} />
      <main class="page">
        <form class="panel form" onSubmit={(event) => { event.preventDefault(); void send(false); }}>
          <header><h1>New sweep</h1><span class="muted">Empty fields take their defaults. Paths are the workers'.</span></header>
          {known && titles.slice(0, 3).map(([section, title, usual]) => (
            <SectionFields key={section} title={title} usual={usual} all={known[section].filter((one) => one.name !== 'method')}
                           values={(section === '' ? spec : (spec[section] as Json | undefined)) ?? {}} set={(name, value) => set(section, name, value)} />
          ))}
          {known && (
            <fieldset>
              <legend>Search</legend>
              <div class="fields">
                {known[''].filter((one) => one.name === 'method').map((one) => (
                  <Field key={one.name} of={one} value={spec.method} set={(value) => set('', 'method', value)} />
                ))}
              </div>
              <ParameterRows rows={rows} names={[...known.training, ...known.data].map((one) => one.name)} set={(next) => update(spec, next)} />
            </fieldset>
          )}
          {known && titles.slice(3).map(([section, title, usual]) => (
            <SectionFields key={section} title={title} usual={usual} all={known[section]} values={(spec[section] as Json | undefined) ?? {}}
                           set={(name, value) => set(section, name, value)} />
          ))}
          <div role="status" aria-live="polite">
            {problems.value.length > 0 && <ul class="problem">{problems.value.map((one) => <li key={one}>{one}</li>)}</ul>}
            {checked.value && (
              <p class="good">
                The server would take it: {checked.value.planned > 0 ? format.plural(checked.value.planned, 'trial') : 'trials without a limit'} of up
                to {format.plural(checked.value.spec.training.maxSteps, 'step')}. Files are looked at when a worker takes the first trial.
              </p>
            )}
          </div>
          <footer>
            <button type="button" disabled={busy.value} onClick={() => void send(true)}>Check</button>
            <button type="submit" class="primary" disabled={busy.value}>Submit</button>
            <span class="muted wide-only">In a terminal: <code>lorasweep preview sweep.yaml</code>, <code>lorasweep submit sweep.yaml</code></span>
          </footer>
        </form>
      </main>
    </>
  );
}
