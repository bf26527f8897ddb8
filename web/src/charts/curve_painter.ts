// Draws learning curves into a uPlot chart: at most two points a pixel, faint ones first.
import type uPlot from 'uplot';
import { downsample } from '../data/curves';
import { colour } from '../data/theme';
import type { CurvesProps } from './curves';

export interface Line {
  trial: number;
  x: number[];
  y: number[];      // smoothed
  raw?: number[];   // as observed, when y is smoothed
  colour: string;
  width: number;
  alpha: number;
  dashed: boolean;
  ends: boolean;    // a dot at its last point
}

// A place on the x axis with a word: a rung.
export interface Mark {
  x: number;
  text: string;
}

function trace(chart: uPlot, x: number[], y: number[]): Path2D {
  const path = new Path2D();
  const kept = downsample(x, y, Math.max(3, Math.floor(chart.bbox.width)));
  let drawing = false;
  for (const index of kept) {
    const left = chart.valToPos(x[index]!, 'x', true);
    const top = chart.valToPos(y[index]!, 'y', true);
    if (!Number.isFinite(left) || !Number.isFinite(top)) {
      drawing = false;
      continue;
    }
    if (drawing) path.lineTo(left, top);
    else path.moveTo(left, top);
    drawing = true;
  }
  return path;
}

function drawMarks(chart: uPlot, marks: Mark[]): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  ctx.strokeStyle = colour('rung');
  ctx.fillStyle = colour('muted');
  ctx.font = `${10 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'top';
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  for (const mark of marks) {
    const x = Math.round(chart.valToPos(mark.x, 'x', true)) + 0.5;
    if (x <= bbox.left || x >= bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(mark.text, x + 4 * ratio, bbox.top + 2 * ratio);
  }
  ctx.setLineDash([]);
}

export function paint(chart: uPlot, { lines, marks }: CurvesProps): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top - 4, bbox.width + 8, bbox.height + 8);
  ctx.clip();
  drawMarks(chart, marks);
  ctx.lineJoin = 'round';
  for (const line of lines) {
    ctx.strokeStyle = line.colour;
    ctx.fillStyle = line.colour;
    ctx.lineWidth = line.width * ratio;
    if (line.raw) {
      ctx.globalAlpha = line.alpha * 0.25;
      ctx.stroke(trace(chart, line.x, line.raw));
    }
    ctx.globalAlpha = line.alpha;
    ctx.setLineDash(line.dashed ? [4 * ratio, 3 * ratio] : []);
    ctx.stroke(trace(chart, line.x, line.y));
    ctx.setLineDash([]);
    const last = line.x.length - 1;
    if (line.x.length === 1 || line.ends) {
      ctx.beginPath();
      ctx.arc(chart.valToPos(line.x[last]!, 'x', true), chart.valToPos(line.y[last]!, 'y', true), 2.6 * ratio, 0, 7);
      ctx.fill();
    }
  }
  ctx.restore();
}
