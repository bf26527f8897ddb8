// Sweeps side by side, read again while any of them goes on.
import { signal } from '@preact/signals';
import * as api from './api';
import { sweepEnded, type Comparison } from './model';

const EVERY = 2000;

export class LiveComparison {
  readonly comparison = signal<Comparison | undefined>(undefined);
  readonly problem = signal('');
  private timer = 0;
  private closed = false;

  constructor(readonly ids: string[]) {
    void this.read();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async read(): Promise<void> {
    if (!document.hidden) {
      try {
        this.comparison.value = await api.compareSweeps(this.ids);
        this.problem.value = '';
      } catch (error) {
        this.problem.value = (error as Error).message;
      }
    }
    const over = this.problem.value === '' && this.comparison.value?.sweeps.every(({ sweep }) => sweepEnded(sweep.state));
    if (!this.closed && !over) this.timer = window.setTimeout(() => void this.read(), EVERY);
  }
}
