// The list of sweeps, read again and again while it is looked at.
import { signal } from '@preact/signals';
import * as api from './api';
import type { Sweep, Worker } from './model';

const EVERY = 800;

export class SweepList {
  readonly sweeps = signal<Sweep[] | undefined>(undefined);
  readonly workers = signal<Worker[]>([]);
  readonly lostSince = signal<number | undefined>(undefined);
  private timer = 0;
  private closed = false;

  constructor() {
    void this.read();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async read(): Promise<void> {
    if (!document.hidden) {
      try {
        const [sweeps, workers] = await Promise.all([api.listSweeps(), api.listWorkers()]);
        this.sweeps.value = sweeps.sort((a, b) => b.created - a.created);
        this.workers.value = workers;
        this.lostSince.value = undefined;
      } catch {
        this.lostSince.value ??= Date.now();
      }
    }
    if (!this.closed) this.timer = window.setTimeout(() => void this.read(), EVERY);
  }
}
