import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ThemeButton } from '../parts/theme_button';
import { Toasts } from '../parts/toast';
import { Chat } from './chat';
import { Prompts } from './prompts';
import { Settings } from './settings';
import { about, busy, conversation, load, lost, renew, stop, vote } from './state';

// 1, 2, … and 0 vote on the last answers, Escape stops, n begins anew; typing in a field is never taken for one.
function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape' && busy.value) return stop();
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
    if (event.key === 'Escape') target.blur();
    return;
  }
  const round = conversation.value.at(-1);
  const answer = round?.answers[Number(event.key) - 1];
  if (event.key === 'n') renew();
  else if (round && !busy.value && round.answers.length > 1 && (answer || event.key === '0')) void vote(round, answer?.model ?? null);
  else return;
  event.preventDefault();
}

export function App() {
  const view = useSignal<'chat' | 'prompts'>('chat');
  useEffect(() => {
    void load();
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const tab = (name: 'chat' | 'prompts', words: string) => (
    <button type="button" class="toggle" aria-pressed={view.value === name} onClick={() => (view.value = name)}>{words}</button>
  );
  return (
    <>
      <header class="bar">
        <span class="brand"><img src="icon.svg" alt="" width="20" height="20" />lorasweep</span>
        <nav aria-label="Where you are"><span aria-current="page">playground{about.value?.sweep && ` · ${about.value.sweep}`}</span></nav>
        <span class="spring" />
        <span class="muted wide-only">{about.value?.device}</span>
        {tab('chat', 'Chat')}
        {tab('prompts', 'Prompts')}
        <ThemeButton />
      </header>
      {lost.value && <div class="lost" role="status">{lost.value}</div>}
      {about.value && (
        <main class="page playground">
          <h1 class="hidden">Playground</h1>
          {view.value === 'chat' ? <Chat /> : <Prompts />}
          <Settings />
        </main>
      )}
      <span class="hidden" role="status">{busy.value ? 'The models answer' : conversation.value.length > 0 ? 'The answers are there' : ''}</span>
      <Toasts />
    </>
  );
}
