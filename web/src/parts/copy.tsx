import { useState } from 'preact/hooks';

// A command, ready to be copied.
export function Copy({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="copy">
      <code tabIndex={0}>{text}</code>
      <button type="button" onClick={() => void copy()}>{copied ? 'copied' : 'copy'}</button>
    </div>
  );
}
