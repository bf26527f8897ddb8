// One trial: its settings, why it was tried, how it went, what it left.
import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import * as api from '../data/api';
import { cost, diagnose } from '../data/diagnosis';
import * as format from '../data/format';
import type { LiveSweep } from '../data/live';
import { ended, type Artifact, type Attempt, type Measurement, type Row, type Sweep, type Trial } from '../data/model';
import { now } from '../data/now';
import { go, href } from '../data/route';
import { Bar, LostSweep } from '../parts/bar';
import { Copy } from '../parts/copy';
import { useKeysOf } from '../parts/keys';
import { Note } from '../parts/note';
import { TrialMark } from '../parts/state';
import { TrialActions } from '../parts/trial_actions';
import { NotFound } from './not_found';
import { SamplesPanel } from './samples';
import { TrialCurve } from './trial_curve';

const SPEED = 'trial/tokens_per_second';

function Facts({ live, trial, row }: { live: LiveSweep; trial: Trial; row?: Row }) {
  const decimals = format.decimalsFor(row?.stderr ?? 0) ?? 4;
  const best = live.board.value?.rows[0];
  const facts: [string, string][] = [['steps', `${format.count(trial.step)} of ${format.count(trial.maxSteps)}`]];
  if (trial.tokens > 0) facts.push(['training tokens', format.compact(trial.tokens)]);
  if (trial.warmStartOf !== undefined) facts.push(['goes on from', `trial ${trial.warmStartOf}`]);
  if (trial.start) facts.push(['time', format.duration((trial.end ?? now.value) - trial.start)]);
  if (row && best && row.rank > 1 && Number.isFinite(row.gap)) {
    const gap = format.decimalsFor(row.gapStderr) ?? decimals;
    const words = `${format.signed(row.gap, gap)}${row.gapStderr > 0 ? ` ± ${format.fixed(row.gapStderr, gap)}` : ''} at step ${format.count(row.gapStep)}`;
    facts.push([`against trial ${best.trial.number}`, row.tied ? `${words}: not distinguishable` : words]);
  }
  return (
    <dl class="facts">
      {facts.map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}
    </dl>
  );
}

function Settings({ live, sweep, trial }: { live: LiveSweep; sweep: Sweep; trial: Trial }) {
  const best = live.board.value?.rows[0]?.trial;
  const names = Object.keys(trial.parameters).sort((a, b) => {
    const place = (name: string): number => sweep.spec.parameters.findIndex((one) => one.name === name);
    return place(a) - place(b);
  });
  const compare = best && best.number !== trial.number;
  return (
    <section class="panel" aria-label="Settings">
      <header><h2>Settings</h2></header>
      <table class="plain">
        <thead><tr><th>setting</th><th class="number">value</th>{compare && <th class="number">best trial</th>}</tr></thead>
        <tbody>
          {names.map((name) => {
            const own = format.setting(trial.parameters[name]);
            const other = format.setting(best?.parameters[name]);
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="number">{own}</td>
                {compare && <td class={own === other ? 'number muted' : 'number'}>{own === other ? 'same' : other}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function Attempts({ attempts }: { attempts: Attempt[] }) {
  return (
    <section class="panel" aria-label="Attempts">
      <header><h2>Attempts</h2></header>
      {attempts.length === 0 ? <p class="nothing muted">No worker has taken it yet.</p> : (
        <table class="plain">
          <thead><tr><th class="number">#</th><th>worker</th><th>from</th><th class="number">took</th><th class="number">step</th><th>end</th></tr></thead>
          <tbody>
            {attempts.map((one) => (
              <tr key={one.number}>
                <td class="number">{one.number}</td>
                <td>{one.worker}</td>
                <td>{one.start ? format.date(one.start) : ''}</td>
                <td class="number">{one.start ? format.duration((one.end ?? now.value) - one.start) : ''}</td>
                <td class="number">{format.count(one.startStep)}</td>
                <td>{one.endReason || (one.end ? '' : 'running')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Measurements({ measurements }: { measurements: Measurement[] }) {
  if (measurements.length === 0) return null;
  return (
    <section class="panel" aria-label="Measurements">
      <header><h2>Measurements</h2></header>
      <table class="plain">
        <thead><tr><th>metric</th><th class="number">value</th><th class="number">95 %</th><th class="number">base</th><th class="number">cases</th><th>of</th></tr></thead>
        <tbody>
          {measurements.map((one) => (
            <tr key={one.metric}>
              <td>{one.metric}</td>
              <td class="number">{format.setting(one.value)}</td>
              <td class="number">{one.low !== undefined && one.high !== undefined ? `${format.setting(one.low)} … ${format.setting(one.high)}` : ''}</td>
              <td class="number">{one.base !== undefined ? format.setting(one.base) : ''}</td>
              <td class="number">{one.count > 0 ? format.count(one.count) : ''}</td>
              <td>{one.source}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Files({ sweep, trial }: { sweep: Sweep; trial: Trial }) {
  const size = (one: Artifact): number => one.files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <section class="panel" aria-label="Files">
      <header><h2>Files</h2></header>
      {trial.artifacts.length === 0 ? <p class="nothing muted">An adapter appears here when the trial has ended.</p> : (
        <>
          {trial.artifacts.map((one) => (
            <div key={`${one.kind} ${one.step}`} class="artifact">
              <b>{one.kind}</b> <span class="muted">step {format.count(one.step)} · {format.bytes(size(one))}</span>
              <ul>
                {one.files.map((file) => (
                  <li key={file.path}>
                    <a href={api.blobUrl(file.sha256)} download={file.path}>{file.path}</a> <span class="muted">{format.bytes(file.bytes)}</span>
                  </li>
                ))}
              </ul>
            </div>
          ))}
          {trial.artifacts.some((one) => one.kind === 'adapter') && <Copy text={`lorasweep adapter get ${sweep.id}/${trial.number} --out adapter`} />}
          {trial.artifacts.some((one) => one.kind === 'adapter') && <Copy text={`lorasweep adapter gguf ${sweep.id}/${trial.number} --out model.gguf`} />}
          {trial.artifacts.some((one) => one.kind === 'adapter') && <Copy text={`lorasweep chat ${sweep.id}/${trial.number}`} />}
          {trial.artifacts.some((one) => one.kind === 'adapter') && <Copy text={`lorasweep playground ${sweep.id}/${trial.number}`} />}
        </>
      )}
    </section>
  );
}

function Page({ live, sweep, trial }: { live: LiveSweep; sweep: Sweep; trial: Trial }) {
  const row = live.board.value?.rows.find((one) => one.trial.number === trial.number);
  const decimals = format.decimalsFor(row?.stderr ?? 0) ?? 4;
  const notes = useComputed(() => {
    void live.curvesVersion.value;
    const curves = live.curves.get(trial.number);
    const best = live.board.value?.rows[0]?.trial.number ?? trial.number;
    const slow = best === trial.number ? [] : cost(curves?.get(SPEED), live.curves.get(best)?.get(SPEED), best);
    return [...diagnose(curves?.get('train/loss'), curves?.get(sweep.spec.metric.name)), ...slow];
  });
  return (
    <main class="page trial">
      <section class="panel summary">
        <div class="line">
          <h1>trial {trial.number}</h1>
          <span class="chip"><TrialMark state={trial.state} /></span>
          {trial.value !== undefined && (
            <span class={row?.rank === 1 ? 'big best' : 'big'}>
              {format.fixed(row?.value ?? trial.value, decimals)}
              {row && row.stderr > 0 && <small> ± {format.fixed(row.stderr, decimals)}</small>}
            </span>
          )}
          {row && <span class="muted">rank {row.rank} of {live.board.value?.rows.length}</span>}
          <span class="spring" />
          <TrialActions live={live} sweep={sweep} trial={trial} />
          {trial.number > 0 && <a class="button" href={href(live.id, trial.number - 1)} aria-label="Previous trial">←</a>}
          <a class="button" href={href(live.id, trial.number + 1)} aria-label="Next trial">→</a>
        </div>
        <Facts live={live} trial={trial} row={row} />
        <dl class="reasons">
          {trial.suggestionReason && <div><dt>Why it was tried</dt><dd>{trial.suggestionReason}</dd></div>}
          {trial.outcomeReason && <div><dt>{ended(trial.state) ? 'Why it ended' : 'Why it is to end'}</dt><dd>{trial.outcomeReason}</dd></div>}
          {notes.value.map((note) => <div key={note}><dt>Its curves say</dt><dd>{note}</dd></div>)}
        </dl>
        <Note note={trial.note} command={`lorasweep note ${sweep.id}/${trial.number} TEXT`}
              save={async (note) => live.adoptTrial(await api.setTrialNote(sweep.id, trial.number, note))} />
      </section>
      <TrialCurve live={live} sweep={sweep} trial={trial} />
      <SamplesPanel live={live} trial={trial} />
      <Settings live={live} sweep={sweep} trial={trial} />
      <Measurements measurements={trial.measurements} />
      <Attempts attempts={trial.attempts} />
      <Files sweep={sweep} trial={trial} />
    </main>
  );
}

export function TrialView({ live, number }: { live: LiveSweep; number: number }) {
  const fetched = useSignal<Trial | undefined>(undefined);
  const failure = useSignal('');
  void live.trialsVersion.value;
  const trial = live.trials.get(number) ?? (fetched.value?.number === number ? fetched.value : undefined);
  const sweep = live.sweep.value;
  document.title = `trial ${number} · ${live.id} · lorasweep`;
  useEffect(() => {
    failure.value = '';
    live.wantCurve(number);
    api.getTrial(live.id, number).then((one) => (fetched.value = one), (error: Error) => (failure.value = error.message));
    return useKeysOf({
      Escape: () => go(href(live.id)),
      j: () => go(href(live.id, number + 1)), k: () => number > 0 && go(href(live.id, number - 1)),
      ArrowRight: () => go(href(live.id, number + 1)), ArrowLeft: () => number > 0 && go(href(live.id, number - 1)),
    });
  }, [live, number]);
  const crumbs = <><a href={href(live.id)}>{live.id}</a><span class="muted">/</span><span aria-current="page">trial {number}</span></>;
  return (
    <>
      <Bar crumbs={crumbs} workers={live.workers.value} live={live.connection.value.state === 'live'} />
      <LostSweep connection={live.connection.value} />
      {sweep && trial && <Page key={number} live={live} sweep={sweep} trial={trial} />}
      {!trial && (failure.value || live.failure.value) && <NotFound what={failure.value || live.failure.value!.message} />}
    </>
  );
}
