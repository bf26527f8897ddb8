import type { ECharts, EChartsCoreOption } from 'echarts/core';
import { useEffect, useRef, useState } from 'preact/hooks';

interface EChartProps {
  option: EChartsCoreOption;
  height: number;
  label: string;
  marked: string[];  // names of data that stand out
  // Called once for each chart made, to listen to it.
  onReady?: (chart: ECharts) => void;
}

// A chart of ECharts in the page's colours and font.
export function EChart({ option, height, label, marked, onReady }: EChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<ECharts | undefined>(undefined);
  useEffect(() => {
    let made: ECharts | undefined;
    let gone = false;
    const observer = new ResizeObserver(() => made?.resize());
    void import('./echarts').then(({ init }) => {
      if (gone || !holder.current) return;
      made = init(holder.current);
      observer.observe(holder.current);
      onReady?.(made);
      setChart(made);
    });
    return () => {
      gone = true;
      observer.disconnect();
      made?.dispose();
    };
  }, []);
  useEffect(() => {
    if (chart && !chart.isDisposed()) chart.setOption(option, { replaceMerge: ['series'] });
  }, [chart, option]);
  // Far cheaper than drawing all again with other colours.
  const names = marked.join();
  useEffect(() => {
    if (!chart || chart.isDisposed()) return;
    chart.dispatchAction({ type: 'downplay' });
    if (marked.length > 0) chart.dispatchAction({ type: 'highlight', name: marked });
  }, [chart, option, names]);
  return <div ref={holder} class="echart" role="img" aria-label={label} style={{ height: `${height}px` }} />;
}
