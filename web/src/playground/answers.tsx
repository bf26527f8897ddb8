// The answers to one question, and the vote on them.
import * as format from '../data/format';
import { about, hidden, nameOf, vote, type Answer, type Round } from './state';

const states = { waits: 'waits…', writes: 'writes…', done: '', stopped: 'stopped', failed: 'failed' };

export function AnswerText({ answer }: { answer: Answer }) {
  const state = answer.state.value;
  return (
    <div class="answer" aria-busy={state === 'writes'}>
      <p class="by">{nameOf(answer.model)}</p>
      <p class="text">{answer.text.value}</p>
      <p class={state === 'failed' ? 'note problem' : 'note'}>{[states[state], answer.note.value].filter(Boolean).join(' · ')}</p>
    </div>
  );
}

export function Votes({ round, keys = false }: { round: Round; keys?: boolean }) {
  const over = round.answers.every((one) => one.state.value !== 'waits' && one.state.value !== 'writes');
  const winner = round.winner.value;
  if (round.answers.length < 2 || !over) return null;
  if (winner !== undefined) {
    return <p class="votes muted">{winner === null ? 'No one is better.' : `${nameOf(winner)} is better.`}</p>;
  }
  return (
    <div class="votes" role="group" aria-label="Which answer is better?">
      <span class="muted">Better:</span>
      {round.answers.map((one, place) => (
        <button key={one.model} type="button" onClick={() => void vote(round, one.model)}>
          {nameOf(one.model)}{keys && <kbd aria-hidden="true">{place + 1}</kbd>}
        </button>
      ))}
      <button type="button" onClick={() => void vote(round, null)}>a tie{keys && <kbd aria-hidden="true">0</kbd>}</button>
    </div>
  );
}

export function ModelName({ model }: { model: number }) {
  const one = about.value!.models[model]!;
  const settings = Object.entries(one.parameters).map(([name, value]) => `${format.shortName(name)} ${value}`).join(', ');
  return (
    <>
      <b>{nameOf(model)}</b>
      {!hidden.value && one.value !== null && <span class="muted" title={settings}> {about.value!.metric} {format.metric(one.value)}</span>}
    </>
  );
}
