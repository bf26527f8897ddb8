// What a trial's adapter answered to validation rows, validation by validation.
import { useEffect, useState } from 'preact/hooks';
import * as api from '../data/api';
import * as format from '../data/format';
import type { LiveSweep } from '../data/live';
import type { Samples, Trial } from '../data/model';

const NONE: Samples = { steps: [], samples: [] };

// The last step there is, until a person picks one.
export function SamplesPanel({ live, trial }: { live: LiveSweep; trial: Trial }) {
  const [picked, pick] = useState<number | undefined>(undefined);
  const [answers, setAnswers] = useState(NONE);
  const step = picked ?? answers.steps.at(-1) ?? trial.step;
  useEffect(() => {
    let left = false;
    api.listSamples(live.id, trial.number, step).then((read) => !left && setAnswers(read), () => undefined);
    return () => { left = true; };
  }, [live, trial.number, trial.step, trial.state, step]);
  if (answers.steps.length === 0) return null;
  return (
    <section class="panel samples" aria-label="Samples">
      <header>
        <h2>Samples</h2>
        <span class="muted">what the adapter answers to validation rows</span>
        <span class="spring" />
        <label>step <select name="samples-step" value={String(step)} onChange={(event) => pick(Number(event.currentTarget.value))}>
          {answers.steps.map((one) => <option key={one} value={String(one)}>{format.count(one)}{one === 0 ? ', the base model' : ''}</option>)}
        </select></label>
      </header>
      {answers.samples.map((one) => (
        <dl key={one.row} class="sample">
          <div><dt>prompt</dt><dd>{one.prompt}</dd></div>
          <div><dt>expected</dt><dd>{one.expected}</dd></div>
          <div><dt>generated</dt><dd>{one.generated}{one.cut && <span class="muted"> … (cut)</span>}</dd></div>
        </dl>
      ))}
    </section>
  );
}
