// One conversation with all models side by side.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { AnswerText, ModelName, Votes } from './answers';
import { about, busy, chosen, conversation, renew, send, stop } from './state';

export function Chat() {
  const question = useSignal('');
  const end = useRef<HTMLDivElement>(null);
  const rounds = conversation.value;
  useEffect(() => end.current?.scrollIntoView({ block: 'nearest' }), [rounds.length]);
  const submit = (): void => {
    if (busy.value) return;
    void send(question.value);
    question.value = '';
  };
  return (
    <section class="panel chat" aria-label="Conversation" style={{ '--models': chosen.value.length }}>
      <div class="columns heads">{chosen.value.map((model) => <header key={model}><ModelName model={model} /></header>)}</div>
      <div class="log" role="log" aria-live="off" tabIndex={0} aria-label="What was said">
        {rounds.length === 0 && (
          <p class="nothing muted">
            {about.value!.chat ? 'Every message goes to all models; each goes on from its own answers.'
              : 'The model has no chat template: each goes on from your text as it stands.'}
          </p>
        )}
        {rounds.map((round, place) => (
          <article key={place} class="round">
            <p class="asked"><span class="hidden">You: </span>{round.question}</p>
            <div class="columns">{round.answers.map((one) => <AnswerText key={one.model} answer={one} />)}</div>
            <Votes round={round} keys={place === rounds.length - 1} />
          </article>
        ))}
        <div ref={end} />
      </div>
      <form class="ask" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <textarea name="question" aria-label="Your message" placeholder="A message; Enter sends it" rows={2} value={question.value}
                  onInput={(event) => (question.value = event.currentTarget.value)}
                  onKeyDown={(event) => {
                    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
                    event.preventDefault();
                    submit();
                  }} />
        {busy.value ? <button type="button" class="danger" onClick={stop}>Stop</button>
          : <button type="submit" class="primary" disabled={!question.value.trim()}>Send</button>}
        <button type="button" onClick={renew} disabled={rounds.length === 0}>New</button>
      </form>
    </section>
  );
}
