// Learning curves on a canvas: uPlot has the axes and the pointer, the lines are drawn by curve_painter.ts.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { colour, dark } from '../data/theme';
import { paint, type Line, type Mark } from './curve_painter';
import { nearest, type Reading } from './curve_reading';
import type { Range } from './scale';
import * as format from '../data/format';

export interface CurvesProps {
  lines: Line[];
  marks: Mark[];
  x: Range;
  y: Range;
  logX: boolean;
  logY: boolean;
  xTitle: string;
  height: number;
  label: string;
  nameOf?: (trial: number) => string;  // "trial 3" where it is not given
  onHover: (trial: number | undefined) => void;
  onPick: (trial: number) => void;
}

function axes(props: CurvesProps): uPlot.Axis[] {
  const shared = {
    stroke: colour('muted'), font: '11px system-ui, sans-serif', labelFont: '11px system-ui, sans-serif',
    grid: { stroke: colour('grid'), width: 1 }, ticks: { show: false },
  };
  return [
    { ...shared, size: 22, gap: 4, label: props.xTitle, labelSize: 16, labelGap: 0, values: (_, splits) => splits.map((one) => (one === null ? '' : format.compact(one))) },
    { ...shared, size: 52, gap: 6, values: (_, splits) => splits.map((one) => (one === null ? '' : format.setting(one))) },
  ];
}

function Tip({ reading, width, nameOf }: { reading: Reading; width: number; nameOf: (trial: number) => string }) {
  const right = reading.left > width / 2;
  return (
    <div class="tip" style={right ? { right: `${width - reading.left + 14}px` } : { left: `${reading.left + 14}px` }}>
      <div class="muted">{reading.title}</div>
      {reading.rows.map((one) => (
        <div key={one.key} class={one.hovered ? 'tip-row strong' : 'tip-row'}>
          <i style={{ background: one.colour }} class={one.dashed ? 'dashed' : ''} />
          <span>{nameOf(one.trial)}</span><span>{one.value}</span>
        </div>
      ))}
      {reading.more > 0 && <div class="muted">and {reading.more} more</div>}
    </div>
  );
}

export function Curves(props: CurvesProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const current = useRef(props);
  current.current = props;
  const reading = useSignal<Reading | undefined>(undefined);

  // A new plot for another kind of axis, colour or height; new data only draws again.
  useEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const find = (): void => {
      const chart = plot.current;
      if (!chart) return;
      const found = nearest(chart, current.current);
      reading.value = found;
      current.current.onHover(found?.trial);
    };
    const options: uPlot.Options = {
      width: Math.max(200, element.clientWidth),
      height: props.height,
      padding: [10, 14, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false, distr: props.logX ? 3 : 1, range: () => [current.current.x.low, current.current.x.high] },
        y: { distr: props.logY ? 3 : 1, range: () => [current.current.y.low, current.current.y.high] },
      },
      axes: axes(props),
      series: [{}, { paths: () => null, points: { show: false } }],
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      hooks: {
        draw: [(chart) => paint(chart, current.current)],
        setCursor: [find],
      },
    };
    const chart = new uPlot(options, [[props.x.low, props.x.high], [props.y.low, props.y.high]], element);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: Math.max(200, element.clientWidth), height: props.height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [props.logX, props.logY, props.height, props.xTitle, dark.value]);

  useEffect(() => {
    plot.current?.setData([[props.x.low, props.x.high], [props.y.low, props.y.high]]);
  }, [props.lines, props.marks, props.x, props.y]);

  const pick = (): void => {
    if (reading.value?.trial !== undefined) props.onPick(reading.value.trial);
  };
  return (
    <div class="chart" role="img" aria-label={props.label} onClick={pick}>
      <div ref={holder} />
      {reading.value && <Tip reading={reading.value} width={holder.current?.clientWidth ?? 400} nameOf={props.nameOf ?? ((trial) => `trial ${trial}`)} />}
    </div>
  );
}
