// Sweeps side by side, read again while any of them goes on.
import { signal } from '@preact/signals';
import * as api from './api';
import { sweepEnded, type Comparison } from './model';
import { poll } from './poll';

const EVERY = 2000;

export class LiveComparison {
  readonly comparison = signal<Comparison | undefined>(undefined);
  readonly problem = signal('');
  readonly close: () => void;

  constructor(readonly ids: string[]) {
    this.close = poll(EVERY, () => this.read());
  }

  private async read(): Promise<'over' | void> {
    try {
      this.comparison.value = await api.compareSweeps(this.ids);
      this.problem.value = '';
      if (this.comparison.value.sweeps.every(({ sweep }) => sweepEnded(sweep.state))) return 'over';
    } catch (error) {
      this.problem.value = (error as Error).message;
    }
  }
}
