// How busy a worker's machine was: an area for its processors and a line for its GPU, on the timeline's time.
import { useEffect, useState } from 'preact/hooks';
import * as api from '../data/api';
import type { MachineUse } from '../data/model';
import { poll } from '../data/poll';

const EVERY = 5000;
const WIDTH = 1000;
const HEIGHT = 24;

const percent = (share: number): string => `${Math.round(100 * share)} %`;

// "CPU 82 %, at most 97 %": over the time shown.
function wordsOf(name: string, shown: MachineUse[], share: (use: MachineUse) => number | undefined): string {
  const known = shown.filter((use) => share(use) !== undefined);
  if (known.length === 0) return `${name} use unknown`;
  const seconds = known.reduce((sum, use) => sum + use.seconds, 0);
  const mean = known.reduce((sum, use) => sum + use.seconds * share(use)!, 0) / Math.max(1e-9, seconds);
  return `${name} ${percent(mean)} on average, at most ${percent(Math.max(...known.map((use) => share(use)!)))}`;
}

export function MachineUseLine({ worker, device, over, from, to }: { worker: string; device: string; over: boolean; from: number; to: number }) {
  const [use, setUse] = useState<MachineUse[]>([]);
  useEffect(() => poll(EVERY, async () => {
    await api.listMachineUse(worker).then(setUse, () => undefined);
    return over ? 'over' : undefined;
  }), [worker, over]);
  const shown = use.filter((one) => one.time > from && one.time - 1000 * one.seconds < to);
  if (shown.length === 0) return null;
  const x = (time: number): string => ((WIDTH * (Math.min(to, Math.max(from, time)) - from)) / Math.max(1, to - from)).toFixed(1);
  // Each share holds for the time before it.
  const steps = (share: (use: MachineUse) => number | undefined): string =>
    shown.map((one) => `${x(one.time - 1000 * one.seconds)},${(HEIGHT * (1 - (share(one) ?? 0))).toFixed(1)} ${x(one.time)},${(HEIGHT * (1 - (share(one) ?? 0))).toFixed(1)}`).join(' ');
  const hasGpu = shown.some((one) => one.gpu !== undefined);
  const words = [wordsOf('CPU', shown, (one) => one.cpu), ...(hasGpu || device.startsWith('cuda') ? [wordsOf('GPU', shown, (one) => one.gpu)] : [])].join('; ');
  return (
    <div class="lane-line use-line">
      <span class="lane-name muted">{hasGpu ? 'CPU, GPU' : 'CPU'}</span>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${worker}: ${words}`}>
        <title>{words}</title>
        <polygon points={`${x(shown[0]!.time - 1000 * shown[0]!.seconds)},${HEIGHT} ${steps((one) => one.cpu)} ${x(shown.at(-1)!.time)},${HEIGHT}`} />
        {hasGpu && <polyline points={steps((one) => one.gpu)} vector-effect="non-scaling-stroke" />}
      </svg>
    </div>
  );
}
