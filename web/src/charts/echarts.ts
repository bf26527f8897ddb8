// The parts of ECharts that the dashboard uses; a chunk of its own, loaded when the first such chart is shown.
import { ParallelChart, ScatterChart } from 'echarts/charts';
import { GridComponent, ParallelComponent, TitleComponent, TooltipComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

use([ParallelChart, ScatterChart, GridComponent, ParallelComponent, TitleComponent, TooltipComponent, CanvasRenderer]);
export { init };
