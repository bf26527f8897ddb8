// One sweep as it is now, fed by one stream of changes. Views read its signals; nothing else keeps a copy.
import { batch, signal } from '@preact/signals';
import * as api from './api';
import * as curves from './curves';
import * as decode from './decode';
import { total, type Importance, type Leaderboard, type Sweep, type Trial, type Worker } from './model';

export type Connection = { state: 'connecting' | 'live' | 'lost' | 'ended'; since: number };

// A sweep with more trials is not read whole: its best are, and what changes from now on.
const WHOLE = 2000;
const TOP = 500;
const CURVES = 60;  // of the best, when it is not read whole

export class LiveSweep {
  readonly sweep = signal<Sweep | undefined>(undefined);
  readonly board = signal<Leaderboard | undefined>(undefined);
  readonly importance = signal<Importance | undefined>(undefined);
  readonly workers = signal<Worker[]>([]);
  readonly connection = signal<Connection>({ state: 'connecting', since: Date.now() });
  readonly failure = signal<api.ApiError | undefined>(undefined);
  // Grow with every change of the maps below, which are too large to copy.
  readonly trialsVersion = signal(0);
  readonly curvesVersion = signal(0);
  readonly trials = new Map<number, Trial>();
  readonly curves: curves.Curves = new Map();

  private revision = 0;
  private source: EventSource | undefined;
  private retry = 0;
  private closed = false;
  private readonly wanted = new Set<number>();  // trials whose curves were asked for
  private readonly refreshes: Refresh[];

  constructor(readonly id: string) {
    this.refreshes = [
      new Refresh(250, async () => {
        this.board.value = await api.getLeaderboard(id, { top: TOP });
        if (!this.isWhole()) this.board.value.rows.slice(0, CURVES).forEach((row) => this.wantCurve(row.trial.number));
      }),
      new Refresh(2000, async () => {
        this.importance.value = await api.getImportance(id);
      }),
      new Refresh(1000, async () => {
        this.workers.value = await api.listWorkers();
      }),
    ];
    document.addEventListener('visibilitychange', this.onVisibility);
    void this.start();
  }

  close(): void {
    this.closed = true;
    this.disconnect();
    this.refreshes.forEach((one) => one.stop());
    document.removeEventListener('visibilitychange', this.onVisibility);
  }

  isWhole(): boolean {
    const sweep = this.sweep.value;
    return sweep === undefined || Math.max(total(sweep), sweep.planned) <= WHOLE;
  }

  // Reads a trial's curves when the stream does not bring them.
  wantCurve(trial: number): void {
    if (this.isWhole() || this.wanted.has(trial)) return;
    this.wanted.add(trial);
    void api.listObservations(this.id, trial).then((observations) => {
      for (const one of observations) curves.add(this.curves, trial, one);
      this.curvesVersion.value++;
    }, () => this.wanted.delete(trial));
  }

  // The timeline's, when the stream brings no more than what changes.
  private wantNewest(): void {
    void api.lastTrials(this.id, TOP).then((trials) => {
      for (const trial of trials) if (!this.trials.has(trial.number)) this.trials.set(trial.number, trial);
      this.trialsVersion.value++;
    }, () => undefined);
  }

  // What an action answered, ahead of the stream.
  adopt(sweep: Sweep): void {
    if (sweep.revision >= (this.sweep.value?.revision ?? 0)) this.sweep.value = sweep;
  }

  // The same of a trial. A sweep that had ended may go on for it.
  adoptTrial(trial: Trial): void {
    this.trials.set(trial.number, trial);
    this.trialsVersion.value++;
    if (this.connection.value.state === 'ended') this.connect();
  }

  private async start(): Promise<void> {
    try {
      const sweep = await api.getSweep(this.id);
      if (this.closed) return;
      this.sweep.value = sweep;
      this.failure.value = undefined;
      this.revision = this.isWhole() ? 0 : sweep.revision;
      if (!this.isWhole()) this.wantNewest();
      this.refreshes.forEach((one) => one.ask());
      this.connect();
    } catch (error) {
      if (error instanceof api.ApiError && error.code === 404) this.failure.value = error;
      else this.again();
    }
  }

  private connect(): void {
    if (this.closed || document.hidden) return;
    const source = new EventSource(`/v1/sweeps/${this.id}:watch?after_revision=${this.revision}`);
    this.source = source;
    source.onopen = () => this.setConnection('live');
    source.addEventListener('change', (event) => this.take((event as MessageEvent<string>).data));
    source.addEventListener('end', () => {
      this.disconnect();
      this.setConnection('ended');
      void this.goOnIfTakenUp();
    });
    source.onerror = () => {
      // The browser tries again by itself unless the server answered with an error.
      this.setConnection('lost');
      if (source.readyState === EventSource.CLOSED) this.again();
    };
  }

  // A person may have had a trial tried again while word of the end was on its way.
  private async goOnIfTakenUp(): Promise<void> {
    const sweep = await api.getSweep(this.id).catch(() => undefined);
    if (sweep && sweep.revision > this.revision && this.connection.value.state === 'ended' && !this.source) this.connect();
  }

  private disconnect(): void {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = undefined;
  }

  private again(): void {
    this.disconnect();
    this.setConnection('lost');
    if (!this.closed) this.retry = window.setTimeout(() => void this.start(), 1000);
  }

  private setConnection(state: Connection['state']): void {
    if (this.connection.value.state !== state) this.connection.value = { state, since: Date.now() };
  }

  private take(text: string): void {
    const changes = decode.changes(JSON.parse(text));
    batch(() => {
      this.revision = changes.revision;
      this.setConnection('live');
      if (changes.sweep) this.sweep.value = changes.sweep;
      for (const trial of changes.trials) this.trials.set(trial.number, trial);
      for (const { trial, observation } of changes.observations) curves.add(this.curves, trial, observation);
      if (changes.trials.length > 0) this.trialsVersion.value++;
      if (changes.observations.length > 0) this.curvesVersion.value++;
    });
    this.refreshes.forEach((one) => one.ask());
  }

  private readonly onVisibility = (): void => {
    // Browsers allow few connections to one server: a page that nobody sees gives its own back.
    if (document.hidden) this.disconnect();
    else if (!this.source && this.connection.value.state !== 'ended') this.connect();
  };
}

const LONGEST = 5000;

// What asking again without a change would not mend.
function isFinal(failure: unknown): boolean {
  return failure instanceof api.ApiError && failure.code >= 400 && failure.code < 500;
}

// Asks the server again after changes: at once after a quiet time, else no more often than `every` and than ten times as
// long as the answer took, but after LONGEST at the latest; and LONGEST after what failed. All in milliseconds.
class Refresh {
  private timer = 0;
  private running = false;
  private asked = false;
  private stopped = false;
  private next = 0;

  constructor(private readonly every: number, private readonly work: () => Promise<void>) {}

  ask(): void {
    this.asked = true;
    if (this.running || this.timer || this.stopped) return;
    this.timer = window.setTimeout(() => void this.run(), Math.max(0, this.next - Date.now()));
  }

  stop(): void {
    clearTimeout(this.timer);
    this.stopped = true;
  }

  private async run(): Promise<void> {
    this.timer = 0;
    this.running = true;
    this.asked = false;
    const begin = Date.now();
    const failure = await this.work().then(() => undefined, (error: unknown) => error);
    this.next = Date.now() + Math.max(this.every, Math.min(10 * (Date.now() - begin), LONGEST));
    if (failure !== undefined && !isFinal(failure)) {
      this.asked = true;
      this.next = Date.now() + LONGEST;
    }
    this.running = false;
    if (this.asked) this.ask();
  }
}
