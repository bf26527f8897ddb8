// The list of sweeps, read again and again while it is looked at.
import { signal } from '@preact/signals';
import * as api from './api';
import type { Sweep, Worker } from './model';
import { poll } from './poll';

const EVERY = 800;

export class SweepList {
  readonly sweeps = signal<Sweep[] | undefined>(undefined);
  readonly workers = signal<Worker[]>([]);
  readonly lostSince = signal<number | undefined>(undefined);
  readonly close = poll(EVERY, () => this.read());

  private async read(): Promise<void> {
    try {
      const [sweeps, workers] = await Promise.all([api.listSweeps(), api.listWorkers()]);
      this.sweeps.value = sweeps.sort((a, b) => b.created - a.created);
      this.workers.value = workers;
      this.lostSince.value = undefined;
    } catch {
      this.lostSince.value ??= Date.now();
    }
  }
}
