// Who answers, and how.
import * as format from '../data/format';
import type { Sampling } from './api';
import { about, blind, busy, chosen, hidden, known, nameOf, renew, sampling, system } from './state';

const fields: { key: keyof Sampling; name: string; help: string; min: number; max: number; step: number }[] = [
  { key: 'temperature', name: 'temperature', help: '0: always the most probable token', min: 0, max: 2, step: 0.1 },
  { key: 'top_p', name: 'top-p', help: 'Among the most probable tokens that reach this probability', min: 0.05, max: 1, step: 0.05 },
  { key: 'max_tokens', name: 'longest answer', help: 'In tokens', min: 1, max: 8192, step: 1 },
  { key: 'seed', name: 'seed', help: 'Of the randomness: the same gives the same answers', min: 0, max: 1e9, step: 1 },
];

function toggle(model: number): void {
  const now = chosen.value;
  chosen.value = now.includes(model) ? now.filter((one) => one !== model) : [...now, model];
  renew();
}

export function Settings() {
  const models = about.value!.models;
  return (
    <aside class="panel settings-panel" aria-label="Settings">
      <fieldset disabled={busy.value}>
        <legend>Who answers</legend>
        {models.map((model, place) => (
          <label key={place} class="check">
            <input type="checkbox" checked={chosen.value.includes(place)} disabled={hidden.value} onChange={() => toggle(place)} />
            {model.name}{place === 0 && <span class="muted">{about.value!.base}</span>}
          </label>
        ))}
        <label class="check" title="Names are hidden until you vote, and columns change places">
          <input type="checkbox" checked={blind.value} onChange={(event) => { blind.value = event.currentTarget.checked; renew(); }} />
          blind
        </label>
      </fieldset>
      <fieldset>
        <legend>How</legend>
        <div class="fields">
          {fields.map(({ key, name, help, min, max, step }) => (
            <label key={key} class="field" title={help}>
              <span>{name}</span>
              <input type="number" name={key} min={min} max={max} step={step} value={sampling.value[key]}
                     onChange={(event) => {
                       const value = event.currentTarget.valueAsNumber;
                       if (Number.isFinite(value)) sampling.value = { ...sampling.value, [key]: Math.min(max, Math.max(min, value)) };
                       event.currentTarget.value = String(sampling.value[key]);
                     }} />
            </label>
          ))}
        </div>
        {about.value!.chat && (
          <label class="field"><span>system prompt</span>
            <textarea name="system" rows={3} value={system.value} onChange={(event) => (system.value = event.currentTarget.value)} />
          </label>
        )}
      </fieldset>
      {known.value.length > 0 && !hidden.value && (
        <fieldset class="known">
          <legend>Votes</legend>
          {known.value.map((one) => (
            <p key={`${one.model} ${one.metric}`}>
              <b>{nameOf(one.model)}</b> {one.metric}: {format.fixed(one.value, 2)}{' '}
              <span class="muted">[{format.fixed(one.low, 2)}, {format.fixed(one.high, 2)}] of {one.count}</span>
            </p>
          ))}
        </fieldset>
      )}
    </aside>
  );
}
