// Something that is read again and again while the page is looked at.

// Until the returned function is called, or `read` says that there is nothing more to come.
export function poll(every: number, read: () => Promise<'over' | void>): () => void {
  let timer = 0;
  let closed = false;
  const run = async (): Promise<void> => {
    const over = !document.hidden && (await read()) === 'over';
    if (!closed && !over) timer = window.setTimeout(() => void run(), every);
  };
  void run();
  return () => {
    closed = true;
    clearTimeout(timer);
  };
}
