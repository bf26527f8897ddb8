// Who is winning, and is that real? A table of any length: only the rows in sight exist.
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { LiveSweep } from '../data/live';
import { conditionOf, matches } from '../data/filter';
import * as format from '../data/format';
import type { Row, Sweep } from '../data/model';
import { go, href, route, setQuery } from '../data/route';
import { listed, RowPages, type Rows } from '../data/rows';
import { brushed, hovered, picked } from '../data/selection';
import { columnsOf, download, type Column } from '../parts/columns';
import { ColumnMenu } from '../parts/column_menu';
import { useKeysOf } from '../parts/keys';

const HEIGHT = 28;  // of a row, as in style.css
const SPARE = 8;    // rows above and below those in sight

// The rows of a board that is here whole, through the filter, in the order asked for.
function shownRows(live: LiveSweep, columns: Column[]): Row[] {
  const query = route.value.query;
  const rows = (live.board.value?.rows ?? []).filter(matches(query.get('q') ?? '')).filter((row) => brushed.value?.has(row.trial.number) ?? true);
  const [key, direction] = (query.get('sort') ?? 'rank').split(':');
  const column = columns.find((one) => one.key === key);
  if (!column || key === 'rank') return direction === 'desc' ? rows.reverse() : rows;
  const sign = direction === 'desc' ? -1 : 1;
  return rows.sort((a, b) => {
    const [left, right] = [column.order(a), column.order(b)];
    return (left < right ? -1 : left > right ? 1 : a.rank - b.rank) * sign;
  });
}

function Header({ columns, sortable }: { columns: Column[]; sortable: (column: Column) => boolean }) {
  const [key, direction] = (route.value.query.get('sort') ?? 'rank').split(':');
  const sort = (column: Column): void => {
    const down = column.key === key && direction !== 'desc';
    setQuery({ sort: column.key === 'rank' && !down ? '' : `${column.key}${down ? ':desc' : ''}` });
  };
  return (
    <div class="row head" role="row">
      {columns.map((column) => (
        <div key={column.key} role="columnheader" class={column.text ? 'cell text' : 'cell'}
             aria-sort={column.key === key ? (direction === 'desc' ? 'descending' : 'ascending') : 'none'}>
          <button type="button" title={column.hint} disabled={!sortable(column)} onClick={() => sort(column)}>
            {column.title}{column.key === key && <span aria-hidden="true">{direction === 'desc' ? ' ↓' : ' ↑'}</span>}
          </button>
        </div>
      ))}
    </div>
  );
}

interface LineProps {
  live: LiveSweep;
  row: Row;
  index: number;
  columns: Column[];
}

function Line({ live, row, index, columns }: LineProps) {
  const number = row.trial.number;
  const tone = row.trial.state === 'PRUNED' ? ' faded' : '';
  const marked = hovered.value === number ? ' hovered' : '';
  const chosen = picked.value === number;
  return (
    <div class={`row${tone}${marked}${chosen ? ' picked' : ''}${row.rank === 1 ? ' first' : ''}`} role="row" aria-rowindex={index + 2}
         aria-selected={chosen} style={{ transform: `translateY(${index * HEIGHT}px)` }} data-trial={number}
         onPointerEnter={() => (hovered.value = number)} onPointerLeave={() => (hovered.value = undefined)}
         onClick={() => setQuery({ trial: chosen ? '' : String(number) })} onDblClick={() => go(href(live.id, number))}>
      {columns.map((column) => (
        <div key={column.key} role="cell" class={column.text ? 'cell text' : 'cell'}>
          {column.key === 'trial' ? <a href={href(live.id, number)} onClick={(event) => event.stopPropagation()}>{number}</a> : column.cell(row)}
        </div>
      ))}
    </div>
  );
}

// Can the server sort by it?
const servesOrder = (sweep: Sweep, key: string): boolean =>
  ['rank', 'trial', 'state', 'value', 'gap', 'step', 'tokens'].includes(key) || sweep.spec.parameters.some((one) => one.name === key);

// A board that is longer than what this page has of it is read by pages, unless only some of the best are asked for.
function useRows(live: LiveSweep, sweep: Sweep, columns: () => Column[]): { rows: () => Rows; pages: RowPages; paged: () => boolean } {
  const pages = useMemo(() => new RowPages(live.id), [live]);
  const isPaged = useComputed(() => brushed.value === undefined && (live.board.value?.total ?? 0) > (live.board.value?.rows.length ?? 0));
  const own = useComputed(() => listed(isPaged.value ? [] : shownRows(live, columns())));
  const query = useComputed(() => {
    const [key = 'rank', direction] = (route.value.query.get('sort') ?? 'rank').split(':');
    const filter = conditionOf(route.value.query.get('q') ?? '', sweep.spec.parameters);
    return { filter, order: `${servesOrder(sweep, key) ? key : 'rank'}${direction === 'desc' ? ' desc' : ''}` };
  });
  useEffect(() => query.subscribe((wanted) => pages.ask(wanted)), [pages]);
  useEffect(() => live.board.subscribe(() => pages.refresh()), [pages]);
  const rows = (): Rows => {
    void [pages.version.value, query.value, live.board.value];
    return isPaged.value ? pages : own.value;
  };
  return { rows, pages, paged: () => isPaged.value };
}

export function LeaderboardPanel({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  const scroller = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const all = useComputed(() => columnsOf(live.sweep.value ?? sweep, live.board.value?.rows ?? []));
  const columns = useComputed(() => {
    const chosen = route.value.query.get('columns')?.split(',');
    return all.value.filter((one) => (chosen ? chosen.includes(one.key) : one.shown));
  });
  const source = useRows(live, sweep, () => all.value);
  const rows = source.rows();
  const paged = source.paged();
  const whole = live.board.value?.total ?? 0;

  useEffect(() => {
    const move = (by: number): void => {
      const now = source.rows();
      const at = picked.value === undefined ? -1 : now.indexOf(picked.value);
      const index = Math.min(now.length - 1, Math.max(0, at + by));
      const next = now.at(index);
      if (!next) return;
      setQuery({ trial: String(next.trial.number) });
      const y = index * HEIGHT;
      const box = scroller.current;
      if (box && (y < box.scrollTop || y > box.scrollTop + box.clientHeight - 3 * HEIGHT)) box.scrollTop = y - box.clientHeight / 2;
    };
    return useKeysOf({
      j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
      Enter: () => picked.value !== undefined && go(href(live.id, picked.value)),
      '/': () => document.getElementById('filter')?.focus(),
      Escape: () => (picked.value === undefined ? go('#/') : setQuery({ trial: '' })),
    });
  }, [live]);

  const template = columns.value.map((one) => `minmax(${one.width}rem, ${one.width}fr)`).join(' ');
  const least = `${columns.value.reduce((sum, one) => sum + one.width, 1.3)}rem`;
  const height = scroller.current?.clientHeight ?? 600;
  const from = Math.max(0, Math.min(Math.floor(top.value / HEIGHT) - SPARE, rows.length - 1));
  const to = Math.min(rows.length, Math.ceil((top.value + height) / HEIGHT) + SPARE);
  useEffect(() => {
    if (paged) source.pages.want(from, Math.max(to, from + 1));
  });
  const inSight = Array.from({ length: Math.max(0, to - from) }, (_, offset) => ({ index: from + offset, row: rows.at(from + offset) }));
  return (
    <section class="panel leaderboard" aria-label="Leaderboard">
      <header>
        <h2>Leaderboard</h2>
        <span class="muted">{rows.length < whole ? `${format.count(rows.length)} of ${format.count(whole)}` : format.plural(whole, 'trial')}</span>
        <span class="spring" />
        <input id="filter" type="search" placeholder="filter: rank>=16 done" aria-label="Filter trials"
               value={route.value.query.get('q') ?? ''} onInput={(event) => setQuery({ q: event.currentTarget.value })} />
        <ColumnMenu columns={all.value} shown={columns.value} />
        <button type="button" disabled={whole === 0} onClick={() => void download(`${sweep.id}.csv`, all.value, paged ? source.pages.all() : [shownRows(live, all.value)])}>CSV</button>
      </header>
      {whole === 0 ? <p class="nothing muted">Trials appear here with their first validation.</p> : (
        <div class="table" role="table" aria-label="Trials by rank" aria-rowcount={rows.length + 1} tabIndex={0} ref={scroller}
             onScroll={(event) => (top.value = event.currentTarget.scrollTop)} style={{ '--columns': template, '--least': least }}>
          <div role="rowgroup"><Header columns={columns.value} sortable={(one) => !paged || servesOrder(sweep, one.key)} /></div>
          <div class="rows" role="rowgroup" style={{ height: `${rows.length * HEIGHT}px` }}>
            {inSight.map(({ index, row }) => row && (
              <Line key={row.trial.number} live={live} row={row} index={index} columns={columns.value} />
            ))}
          </div>
        </div>
      )}
    </section>
  );
}
