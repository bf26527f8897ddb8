// All settings of all trials at once; a stretch of an axis marked with the pointer filters the table and the curves.
import { useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ECharts } from 'echarts/core';
import { axisOf, place, searched, style } from '../charts/axes';
import { EChart } from '../charts/echart';
import type { LiveSweep } from '../data/live';
import * as format from '../data/format';
import type { Row, Sweep } from '../data/model';
import { brushed, marks } from '../data/selection';
import { colour, dark } from '../data/theme';

const MOST = 1000;  // trials drawn, the best

function lineStyle(row: Row): object {
  if (row.rank === 1) return { color: colour('best'), width: 2.6, opacity: 1 };
  const pruned = row.trial.state === 'PRUNED';
  return { color: colour(row.trial.state === 'RUNNING' ? 'running' : pruned ? 'pruned' : 'line'), width: 1.1, opacity: pruned ? 0.3 : 0.55 };
}

export function ParallelPanel({ live, sweep }: { live: LiveSweep; sweep: Sweep }) {
  useEffect(() => () => {
    brushed.value = undefined;
  }, []);
  const rows = useComputed(() => (live.board.value?.rows ?? []).filter((row) => Number.isFinite(row.value)).slice(0, MOST));
  const option = useComputed(() => {
    void dark.value;
    const parameters = searched(sweep.spec.parameters);
    const axes = parameters.map((one) => axisOf(one, rows.value));
    const last = parameters.length;
    const shared = style();
    const values = rows.value.map((row) => row.value).sort((a, b) => a - b);
    // Diverged trials stand at the end of the axis.
    const high = values[Math.floor((values.length - 1) * 0.95)] ?? 1;
    return {
      animation: false,
      parallel: { left: 46, right: 70, top: 30, bottom: 18, axisExpandable: false },
      parallelAxis: [
        ...axes.map((axis, dim) => ({ ...shared, ...axis, dim, name: format.shortName(parameters[dim]!.name), areaSelectStyle: { color: colour('running'), borderColor: colour('running'), opacity: 0.18, width: 16 } })),
        { ...shared, dim: last, type: 'value', name: sweep.spec.metric.name.split('/').pop(), scale: true, max: high, inverse: sweep.spec.metric.minimize,
          nameLocation: sweep.spec.metric.minimize ? 'start' : 'end',
          areaSelectStyle: { color: colour('best'), borderColor: colour('best'), opacity: 0.18, width: 16 } },
      ],
      series: [{
        type: 'parallel', smooth: 0.15, progressive: 0, inactiveOpacity: 0.05, activeOpacity: 1,
        emphasis: { lineStyle: { color: colour('text'), width: 2.6, opacity: 1 } },
        data: [...rows.value].sort((a, b) => b.rank - a.rank).map((row) => ({
          name: String(row.trial.number), lineStyle: lineStyle(row),
          value: [...parameters.map((one, dim) => place(axes[dim]!, row.trial.parameters[one.name]) ?? '-'), Math.min(row.value, high)],
        })),
      }],
    };
  });
  const listen = (chart: ECharts): void => {
    chart.on('axisareaselected', () => {
      // ECharts has no public call for what is active; its documentation names this one.
      const series = (chart as unknown as { getModel(): { getSeries(): { getRawIndicesByActiveState(state: string): number[]; getRawData(): { getName(index: number): string } }[] } })
        .getModel().getSeries()[0];
      if (!series) return;
      const active = series.getRawIndicesByActiveState('active');
      const normal = series.getRawIndicesByActiveState('normal');
      brushed.value = normal.length > 0 ? undefined : new Set(active.map((index) => Number(series.getRawData().getName(index))));
    });
  };
  return (
    <section class="panel parallel" aria-label="Parallel coordinates">
      <header>
        <h2>Settings side by side</h2>
        <span class="muted">{brushed.value ? `${format.plural(brushed.value.size, 'trial')} marked` : 'mark a stretch of an axis to filter'}</span>
      </header>
      {rows.value.length < 2 ? <p class="nothing muted">Drawn from the second trial on.</p> : (
        <EChart option={option.value} height={Math.max(230, 40 + 36 * sweep.spec.parameters.length)} onReady={listen} marked={marks()}
                label="Parallel coordinates of the settings and the metric of each trial; the leaderboard has the same values" />
      )}
    </section>
  );
}
