// The metric against each setting; for several objectives also against the second one.
import { useComputed } from '@preact/signals';
import type { ECharts } from 'echarts/core';
import { axisOf, place, searched, style, type Axis } from '../charts/axes';
import { EChart } from '../charts/echart';
import { rangeOf } from '../charts/scale';
import type { LiveSweep } from '../data/live';
import * as format from '../data/format';
import type { Row, Sweep, Value } from '../data/model';
import { go, href } from '../data/route';
import { brushed, hovered, marks } from '../data/selection';
import { colour, dark } from '../data/theme';

const WIDTH = 250;  // of one plot, at least
const HEIGHT = 170;

interface Slice {
  title: string;
  axis: Axis;
  x: (row: Row) => number | string | undefined;
  best: (row: Row) => boolean;
}

function slicesOf(sweep: Sweep, rows: Row[]): Slice[] {
  const slices: Slice[] = searched(sweep.spec.parameters).map((parameter) => {
    const axis = axisOf(parameter, rows);
    return { title: format.shortName(parameter.name), axis, best: (row) => row.rank === 1, x: (row) => place(axis, row.trial.parameters[parameter.name]) };
  });
  sweep.spec.metric.objectives.forEach((objective, index) => {
    const name = objective.split('=')[0] ?? objective;
    slices.unshift({ title: `${name} (front marked)`, axis: { type: 'value' }, best: (row) => row.front === 1, x: (row) => row.objectives[index] });
  });
  return slices;
}

function pointStyle(row: Row, best: boolean): object {
  if (brushed.value && !brushed.value.has(row.trial.number)) return { color: colour('muted'), opacity: 0.15 };
  if (best) return { color: colour('best'), opacity: 1 };
  const pruned = row.trial.state === 'PRUNED';
  return { color: colour(row.trial.state === 'RUNNING' ? 'running' : pruned ? 'pruned' : 'line'), opacity: pruned ? 0.45 : 0.75 };
}

export function SlicesPanel({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  const rows = useComputed(() => (live.board.value?.rows ?? []).filter((row) => Number.isFinite(row.value)));
  const slices = useComputed(() => slicesOf(sweep, rows.value));
  const option = useComputed(() => {
    void dark.value;
    const shared = style();
    const y = rangeOf(rows.value.map((row) => row.value), false);
    const share = 100 / Math.max(1, slices.value.length);
    return {
      animation: false,
      tooltip: { trigger: 'item', backgroundColor: colour('panel'), borderColor: colour('rule'), textStyle: { color: colour('text'), fontSize: 12 },
        formatter: ({ data }: { data: { name: string; value: [Value, number] } }) => `trial ${data.name}<br>${format.setting(data.value[0])} → ${format.metric(data.value[1])}` },
      title: slices.value.map((one, index) => ({ text: one.title, left: `${(index + 0.5) * share}%`, textAlign: 'center', top: 0, textStyle: { color: colour('text'), fontSize: 12, fontWeight: 500 } })),
      grid: slices.value.map((_, index) => ({ left: `${index * share + 44 / 12}%`, width: `${share - 60 / 12}%`, top: 24, bottom: 24 })),
      xAxis: slices.value.map((one, index) => ({ ...shared, splitLine: { show: false }, ...one.axis, scale: true, gridIndex: index, splitNumber: 3 })),
      yAxis: slices.value.map((_, index) => ({ ...shared, type: 'value', gridIndex: index, min: y.low, max: y.high, splitNumber: 4,
        axisLabel: { ...shared.axisLabel, show: index === 0, showMinLabel: false, showMaxLabel: false } })),
      series: slices.value.map((one, index) => ({
        type: 'scatter', xAxisIndex: index, yAxisIndex: index, symbolSize: 7, clip: true, cursor: 'pointer',
        emphasis: { itemStyle: { color: colour('text'), opacity: 1 } },
        data: rows.value.filter((row) => one.x(row) !== undefined).reverse().map((row) => ({ name: String(row.trial.number), value: [one.x(row), row.value], itemStyle: pointStyle(row, one.best(row)) })),
      })),
    };
  });
  const listen = (chart: ECharts): void => {
    chart.on('mouseover', (event) => {
      hovered.value = Number(event.name);
    });
    chart.on('mouseout', () => {
      hovered.value = undefined;
    });
    chart.on('click', (event) => go(href(live.id, Number(event.name))));
  };
  if (slices.value.length === 0) return null;
  return (
    <section class="panel slices" aria-label="The metric against each setting">
      <header><h2>{format.metricWords(sweep.spec.metric.name)} against each setting</h2></header>
      {rows.value.length < 2 ? <p class="nothing muted">Drawn from the second trial on.</p> : (
        <div class="scroll-x" tabIndex={0} role="group" aria-label="Plots">
          <div style={{ minWidth: `${slices.value.length * WIDTH * 0.8}px` }}>
            <EChart key={slices.value.length} option={option.value} height={HEIGHT + 30} onReady={listen} marked={marks()}
                    label={`Scatter plots of ${sweep.spec.metric.name} against ${slices.value.map((one) => one.title).join(', ')}; the leaderboard has the same values`} />
          </div>
        </div>
      )}
    </section>
  );
}
