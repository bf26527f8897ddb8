// One key of the sweep file as a field of a form.
import { shown, typed, type Key } from '../data/form';

interface FieldProps {
  of: Key;
  value: unknown;
  set: (value: unknown) => void;
}

const defaultOf = (help: string): string => /Default: (.*?)\.(?: Allowed:|$)/.exec(help)?.[1] ?? '';

export function Field({ of, value, set }: FieldProps) {
  const id = `key-${of.name}`;
  const words = of.kind === 'flag' ? ['true', 'false'] : of.kind.endsWith('s') ? [] : of.words;
  const usual = defaultOf(of.help);
  return (
    <label class="field" title={of.help}>
      <span>{of.name}</span>
      {words.length > 0 ? (
        <select value={shown(value)} onChange={(event) => set(typed(of, event.currentTarget.value))}>
          <option value="">{usual || 'default'}</option>
          {words.map((word) => <option key={word} value={word}>{word}</option>)}
        </select>
      ) : (
        <input name={id} value={shown(value)} placeholder={usual} spellcheck={false} inputMode={of.kind === 'number' ? 'decimal' : 'text'}
               onChange={(event) => set(typed(of, event.currentTarget.value))} />
      )}
    </label>
  );
}

type Split = { share?: number; rows?: string; files?: { paths: string[] } };

// Validation rows: a share, a count or files.
export function SplitField({ value, set }: { value: Split | undefined; set: (value: Split | undefined) => void }) {
  const text = value?.files?.paths?.join(', ') ?? value?.rows ?? value?.share;
  const read = (typedText: string): Split | undefined => {
    const trimmed = typedText.trim();
    if (trimmed === '') return undefined;
    const number = Number(trimmed);
    if (Number.isNaN(number)) return { files: { paths: trimmed.split(',').map((one) => one.trim()).filter(Boolean) } };
    return number < 1 ? { share: number } : { rows: trimmed };
  };
  return (
    <label class="field" title="Validation rows: a share of the training rows (0.1), a count (64), or files.">
      <span>validation</span>
      <input name="key-validation" value={text === undefined ? '' : String(text)} placeholder="0.1" spellcheck={false}
             onChange={(event) => set(read(event.currentTarget.value))} />
    </label>
  );
}
