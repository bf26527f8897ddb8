// A list of prompts, answered by all models, in one table.
import { useComputed, useSignal } from '@preact/signals';
import * as format from '../data/format';
import { say } from '../parts/toast';
import { AnswerText, ModelName, Votes } from './answers';
import { answerAll, busy, chosen, stop, table } from './state';

const most = 500;

// The question of a row of a data file, in any of the usual forms.
function questionOf(row: unknown): string {
  if (typeof row === 'string') return row;
  const one = row as Record<string, unknown>;
  const messages = (one.messages ?? one.conversations) as Record<string, unknown>[] | undefined;
  const asked = messages?.find((message) => ['user', 'human'].includes(String(message.role ?? message.from)));
  const text = asked ? asked.content ?? asked.value : one.prompt ?? one.question ?? one.instruction ?? one.text;
  return typeof text === 'string' ? [text, one.input].filter((part) => typeof part === 'string' && part).join('\n\n') : '';
}

// Lines, or rows of a JSON or JSON Lines file.
export function readPrompts(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim()).filter(Boolean);
  try {
    const rows: unknown[] = text.trimStart().startsWith('[') ? JSON.parse(text) : lines[0]?.startsWith('{') ? lines.map((line) => JSON.parse(line)) : lines;
    return rows.map(questionOf).filter(Boolean);
  } catch {
    return lines;
  }
}

export function Prompts() {
  const text = useSignal('');
  const prompts = useComputed(() => readPrompts(text.value));
  const rounds = table.value;
  const done = rounds.flatMap((round) => round.answers).filter((one) => one.state.value === 'done' || one.state.value === 'failed').length;
  const open = async (file: File | undefined): Promise<void> => {
    if (file && file.size > 8 << 20) say('The file is over 8 MiB; take some of its rows', true);
    else if (file) text.value = await file.text();
  };
  const tooMany = prompts.value.length > most;
  return (
    <section class="panel prompts" aria-label="Prompts">
      <div class="source">
        <textarea name="prompts" aria-label="Prompts, one a line" rows={5} value={text.value}
                  placeholder="Prompts, one a line, or rows of a data file" onInput={(event) => (text.value = event.currentTarget.value)} />
        <div class="line">
          <label class="button">From a file
            <input class="hidden" type="file" accept=".txt,.jsonl,.json" onChange={(event) => void open(event.currentTarget.files?.[0])} />
          </label>
          <span class={tooMany ? 'problem' : 'muted'}>{format.plural(prompts.value.length, 'prompt')}{tooMany && `; at most ${most}`}</span>
          <span class="spring" />
          {busy.value && <span class="muted" role="status">{done} of {rounds.length * chosen.value.length} answers</span>}
          {busy.value ? <button type="button" class="danger" onClick={stop}>Stop</button>
            : <button type="button" class="primary" disabled={prompts.value.length === 0 || tooMany}
                      onClick={() => void answerAll(prompts.value)}>Answer all</button>}
        </div>
      </div>
      {rounds.length > 0 && (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Answers">
          <table class="plain answers">
            <thead><tr><th>prompt</th>{chosen.value.map((model) => <th key={model}><ModelName model={model} /></th>)}<th>vote</th></tr></thead>
            <tbody>
              {rounds.map((round, place) => (
                <tr key={place}>
                  <th scope="row">{round.question}</th>
                  {round.answers.map((one) => <td key={one.model}><AnswerText answer={one} /></td>)}
                  <td><Votes round={round} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
