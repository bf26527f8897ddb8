// The line at the top of every page.
import type { ComponentChildren } from 'preact';
import type { Connection } from '../data/live';
import * as format from '../data/format';
import type { Worker } from '../data/model';
import { now } from '../data/now';
import { ThemeButton } from './theme_button';

function workersText(workers: Worker[]): string {
  const online = workers.filter((one) => one.online);
  if (workers.length === 0) return 'no worker yet';
  const busy = online.filter((one) => one.trials.length > 0).length;
  return `${format.plural(online.length, 'worker')}${online.length > 0 ? `, ${busy} training` : ' online'}`;
}

interface BarProps {
  crumbs?: ComponentChildren;
  workers?: Worker[];  // not given: nothing is said of them
  live?: boolean;
}

export function Bar({ crumbs, workers, live }: BarProps) {
  return (
    <header class="bar">
      <a class="brand" href="#/"><img src="icon.svg" alt="" width="20" height="20" />lorasweep</a>
      <nav aria-label="Where you are">{crumbs}</nav>
      <span class="spring" />
      {live && <span class="live" title="Changes arrive as they happen"><i aria-hidden="true" />live</span>}
      {workers && <span class="muted wide-only">{workersText(workers)}</span>}
      <ThemeButton />
    </header>
  );
}

// Said quietly while the server is away.
export function Lost({ since }: { since: number }) {
  if (now.value - since < 700) return null;
  return (
    <div class="lost" role="status">
      No connection since {format.clock(since)} ({format.duration(now.value - since)}). What you see is from then; the page
      catches up by itself.
    </div>
  );
}

export function LostSweep({ connection }: { connection: Connection }) {
  return connection.state === 'lost' ? <Lost since={connection.since} /> : null;
}
