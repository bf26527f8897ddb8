// What `lorasweep playground` answers.
export interface Model {
  name: string;
  trial: string;  // '' where it is none
  value: number | null;
  parameters: Record<string, string>;
}

export interface About {
  base: string;
  sweep: string;
  metric: string;
  system: string;
  chat: boolean;
  device: string;
  models: Model[];
}

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface Sampling {
  temperature: number;
  top_p: number;
  max_tokens: number;
  seed: number;
}

export interface Known {
  model: number;
  metric: string;
  value: number;
  low: number;
  high: number;
  count: number;
}

interface Event {
  answer: number;
  text?: string;
  end?: 'stop' | 'length';
  tokens?: number;
  seconds?: number;
  error?: string;
}

async function failure(response: Response): Promise<Error> {
  const answer = await response.json().catch(() => ({}));
  return new Error(answer.error?.message ?? response.statusText);
}

async function post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error('the playground is not reached; does its command still run?');
  }
  if (!response.ok) throw await failure(response);
  return response;
}

export async function about(): Promise<About> {
  const response = await fetch('/api/playground');
  if (!response.ok) throw await failure(response);
  return response.json();
}

// The models shown, and the better one of them; null: none is.
export async function vote(models: number[], winner: number | null): Promise<Known[]> {
  return (await (await post('/api/votes', { models, winner })).json()).votes;
}

// Tells what becomes of every answer until all are at their end, or `signal` stops them.
export async function ask(answers: { model: number; messages: Message[] }[], sampling: Sampling, signal: AbortSignal,
                          tell: (event: Event) => void): Promise<void> {
  const response = await post('/api/answers', { answers, ...sampling }, signal);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const events = rest.split('\n\n');
    rest = events.pop()!;
    for (const event of events) tell(JSON.parse(event.slice('data: '.length)));
  }
}
