import { useEffect, useState } from 'preact/hooks';
import { setQuery } from '../data/route';
import type { Column } from './columns';

// Chooses the columns; the choice is part of the address.
export function ColumnMenu({ columns, shown }: { columns: Column[]; shown: Column[] }) {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return undefined;
    const close = (): void => setOpen(false);
    addEventListener('click', close);
    return () => removeEventListener('click', close);
  }, [open]);
  const toggle = (column: Column): void => {
    const keys = columns.filter((one) => (one === column ? !shown.includes(one) : shown.includes(one))).map((one) => one.key);
    const usual = columns.filter((one) => one.shown).map((one) => one.key);
    setQuery({ columns: keys.join() === usual.join() ? '' : keys.join() });
  };
  return (
    <div class="menu-holder" onClick={(event) => event.stopPropagation()}>
      <button type="button" aria-haspopup="true" aria-expanded={open} onClick={() => setOpen(!open)}>Columns</button>
      {open && (
        <fieldset class="menu">
          <legend class="hidden">Columns shown</legend>
          {columns.map((column) => (
            <label key={column.key} title={column.hint}>
              <input type="checkbox" checked={shown.includes(column)} onChange={() => toggle(column)} />{column.title}
            </label>
          ))}
        </fieldset>
      )}
    </div>
  );
}
