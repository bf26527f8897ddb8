// The rows of a leaderboard, in the order and through the filter that the page asks for.
import { signal } from '@preact/signals';
import * as api from './api';
import type { Row } from './model';

export interface Rows {
  readonly length: number;
  // Undefined: it is not here yet.
  at(index: number): Row | undefined;
  // -1: it is not among the rows that are here.
  indexOf(trial: number): number;
}

export const listed = (rows: Row[]): Rows => ({
  length: rows.length,
  at: (index) => rows[index],
  indexOf: (trial) => rows.findIndex((row) => row.trial.number === trial),
});

export interface RowQuery {
  filter: string | undefined;  // in the server's words; undefined: no row fits
  order: string;               // "learning_rate desc"
}

const PAGE = 100;
const KEPT = 40;  // pages

// A leaderboard too long to be read whole: the server filters and sorts it, and pages of it come as they are looked at.
export class RowPages implements Rows {
  readonly version = signal(0);  // grows with every change of what is here
  length = 0;
  private pages = new Map<number, Row[]>();
  private query: RowQuery = { filter: '', order: 'rank' };
  private generation = 0;
  private readonly asked = new Set<number>();
  private stale = true;

  constructor(private readonly id: string) {}

  at(index: number): Row | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  indexOf(trial: number): number {
    for (const [page, rows] of this.pages) {
      const found = rows.findIndex((row) => row.trial.number === trial);
      if (found >= 0) return page * PAGE + found;
    }
    return -1;
  }

  // What is here stays until the first page of the new query has come.
  ask(query: RowQuery): void {
    if (query.filter === this.query.filter && query.order === this.query.order) return;
    this.query = query;
    this.refresh();
  }

  // Reads again what is looked at.
  refresh(): void {
    this.generation++;
    this.asked.clear();
    this.stale = true;
    if (this.query.filter === undefined) this.put(0, [], 0);
  }

  // Rows in sight.
  want(from: number, to: number): void {
    if (this.query.filter === undefined) return;
    for (let page = Math.floor(from / PAGE); page <= Math.floor(Math.max(from, to - 1) / PAGE); ++page) void this.read(page);
  }

  // All rows, page by page.
  async *all(): AsyncGenerator<Row[]> {
    const most = 1000;
    for (let skip = 0, total = 1; skip < total && this.query.filter !== undefined; skip += most) {
      const board = await api.getLeaderboard(this.id, { top: most, skip, filter: this.query.filter, order_by: this.query.order });
      total = board.total;
      yield board.rows;
    }
  }

  private async read(page: number): Promise<void> {
    if (this.asked.has(page) || (!this.stale && this.pages.has(page))) return;
    this.asked.add(page);
    const { generation, query } = this;
    try {
      const board = await api.getLeaderboard(this.id, { top: PAGE, skip: page * PAGE, filter: query.filter ?? '', order_by: query.order });
      if (generation === this.generation) this.put(page, board.rows, board.total);
    } catch {
      this.asked.delete(page);  // asked again with the next look
    }
  }

  private put(page: number, rows: Row[], total: number): void {
    if (this.stale) this.pages = new Map();
    this.stale = false;
    this.pages.set(page, rows);
    for (const oldest of this.pages.keys()) {
      if (this.pages.size <= KEPT) break;
      this.pages.delete(oldest);
      this.asked.delete(oldest);
    }
    this.length = total;
    this.version.value++;
  }
}
