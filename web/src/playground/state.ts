// What the page holds: the models, how they are asked, and what they answered.
import { batch, computed, signal, type Signal } from '@preact/signals';
import { say } from '../parts/toast';
import * as api from './api';

export interface Answer {
  model: number;
  text: Signal<string>;
  state: Signal<'waits' | 'writes' | 'done' | 'stopped' | 'failed'>;
  note: Signal<string>;  // tokens/s, or what went wrong
}

// A question with the answers to it, one of each model in the order of the columns.
export interface Round {
  question: string;
  answers: Answer[];
  winner: Signal<number | null | undefined>;  // a model; null: a tie; undefined: nobody voted
}

export const about = signal<api.About | undefined>(undefined);
export const lost = signal('');
export const chosen = signal<number[]>([]);  // models, in the order of the columns
export const blind = signal(false);
export const revealed = signal(false);       // in this conversation, somebody voted
export const system = signal('');
export const sampling = signal<api.Sampling>({ temperature: 0, top_p: 1, max_tokens: 256, seed: 0 });
export const conversation = signal<Round[]>([]);
export const table = signal<Round[]>([]);
export const known = signal<api.Known[]>([]);
const controller = signal<AbortController | undefined>(undefined);
export const busy = computed(() => controller.value !== undefined);
export const hidden = computed(() => blind.value && !revealed.value);

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
// What a model is called at its place among the columns.
export function nameOf(model: number): string {
  const place = chosen.value.indexOf(model);
  return hidden.value ? `answer ${letters[place % letters.length]}` : about.value?.models[model]?.name ?? '';
}

function shuffled(models: number[]): number[] {
  const order = [...models];
  for (let i = order.length - 1; i > 0; --i) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

// Forgets what was said; blind columns change places.
export function renew(): void {
  stop();
  batch(() => {
    conversation.value = [];
    table.value = [];
    revealed.value = false;
    chosen.value = blind.value ? shuffled(chosen.value) : [...chosen.value].sort((a, b) => a - b);
  });
}

export async function load(): Promise<void> {
  try {
    const loaded = await api.about();
    batch(() => {
      about.value = loaded;
      system.value = loaded.system;
      chosen.value = loaded.models.map((_, model) => model);
    });
    document.title = `${loaded.sweep || loaded.base} · playground · lorasweep`;
  } catch (error) {
    lost.value = `The playground is not reached (${(error as Error).message}). It is opened by: lorasweep playground SWEEP`;
  }
}

export const stop = (): void => controller.value?.abort();

const newRound = (question: string): Round => ({
  question,
  winner: signal<number | null | undefined>(undefined),
  answers: chosen.value.map((model) => ({ model, text: signal(''), state: signal<Answer['state']['value']>('waits'), note: signal('') })),
});

function messagesFor(model: number, earlier: Round[], question: string): api.Message[] {
  const messages: api.Message[] = system.value.trim() ? [{ role: 'system', content: system.value }] : [];
  for (const round of earlier) {
    messages.push({ role: 'user', content: round.question });
    messages.push({ role: 'assistant', content: round.answers.find((one) => one.model === model)?.text.value ?? '' });
  }
  return [...messages, { role: 'user', content: question }];
}

async function run(asked: { answer: Answer; messages: api.Message[] }[]): Promise<void> {
  const own = new AbortController();
  controller.value = own;
  try {
    await api.ask(asked.map(({ answer, messages }) => ({ model: answer.model, messages })), sampling.value, own.signal, (event) => {
      const answer = asked[event.answer]!.answer;
      batch(() => {
        if (event.text !== undefined) {
          answer.state.value = 'writes';
          answer.text.value += event.text;
        } else if (event.error !== undefined) {
          answer.state.value = 'failed';
          answer.note.value = event.error;
        } else {
          answer.state.value = 'done';
          const tokens = event.tokens ?? 0;
          const rate = tokens > 1 && event.seconds! > 0 ? ` · ${((tokens - 1) / event.seconds!).toFixed(1)} tokens/s` : '';
          answer.note.value = `${tokens} token${tokens === 1 ? '' : 's'}${rate}${event.end === 'length' ? ' · cut at the longest' : ''}`;
        }
      });
    });
  } catch (error) {
    if (!own.signal.aborted) say((error as Error).message, true);
  }
  batch(() => {
    for (const { answer } of asked) {
      if (answer.state.value === 'waits' || answer.state.value === 'writes') answer.state.value = 'stopped';
    }
    if (controller.value === own) controller.value = undefined;
  });
}

export async function send(question: string): Promise<void> {
  if (busy.value || !question.trim() || chosen.value.length === 0) return;
  const earlier = conversation.value;
  const round = newRound(question);
  conversation.value = [...earlier, round];
  await run(round.answers.map((answer) => ({ answer, messages: messagesFor(answer.model, earlier, question) })));
}

export async function answerAll(questions: string[]): Promise<void> {
  if (busy.value || questions.length === 0 || chosen.value.length === 0) return;
  table.value = questions.map(newRound);
  await run(table.value.flatMap((round) =>
    round.answers.map((answer) => ({ answer, messages: messagesFor(answer.model, [], round.question) }))));
}

export async function vote(round: Round, winner: number | null): Promise<void> {
  if (round.winner.value !== undefined) return;
  round.winner.value = winner;
  try {
    const news = await api.vote(round.answers.map((one) => one.model), winner);
    batch(() => {
      revealed.value = true;
      const same = (a: api.Known, b: api.Known): boolean => a.model === b.model && a.metric === b.metric;
      known.value = [...known.value.filter((old) => !news.some((one) => same(old, one))), ...news];
    });
    say(news.length > 0 ? 'Counted, and kept with the trial' : 'Counted here only: no trial is among them');
  } catch (error) {
    round.winner.value = undefined;
    say((error as Error).message, true);
  }
}
