// A sweep of 50,000 trials in a real browser: it opens at once, and scrolling, filtering, sorting and pointing stay smooth.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { World, eventually, paintsAtOnce, shows, skip, slowness } from './world.mjs';

const world = new World();
const TRIALS = 50_000;
const FRAME = 100;  // milliseconds, the longest
const bin = process.env.LORASWEEP_BIN_DIR ?? 'build/bin';

before(async () => {
  if (skip) return;
  execFileSync(join(bin, 'fill_sweep'), [join(world.folder, 'state'), 'big', String(TRIALS)]);
  await world.startServer();
  await world.openBrowser();
});
after(() => world.close());

// The longest task of the page's thread while `act` goes on, in milliseconds of its processor: what other programs do to
// the machine hardly counts.
async function longestTask(page, act) {
  await world.browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'] });
  await act();
  const { traceEvents } = JSON.parse(await world.browser.stopTracing());
  const threads = traceEvents.filter((one) => one.name === 'thread_name' && one.args.name === 'CrRendererMain');
  const ofPage = (event) => threads.some((thread) => thread.pid === event.pid && thread.tid === event.tid);
  const tasks = traceEvents.filter((one) => /RunTask$/.test(one.name) && one.tdur !== undefined && ofPage(one)).map((one) => one.tdur / 1000);
  assert.ok(tasks.length > 10, `${tasks.length} tasks`);
  return Math.max(...tasks);
}

// Nothing that `act` does holds the page for longer than a frame may take, on a machine as fast as that of the limits; where
// it does, again, for others' cold caches and other programs.
async function smooth(page, what, act) {
  let most = Infinity;
  for (let round = 0; round < 4 && most > FRAME; ++round) most = Math.min(most, (await longestTask(page, act)) / (await slowness(page)));
  console.log(`# ${what}: no task over ${Math.ceil(most)} ms`);
  assert.ok(most <= FRAME, `${what} holds the page for ${most} ms`);
}

test('50,000 trials open at once and stay smooth', { skip }, async () => {
  const page = await world.page();
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Performance.enable');
  const files = new Set();
  let received = 0;
  session.on('Network.responseReceived', ({ requestId, response }) => !response.url.includes('/v1/') && files.add(requestId));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => files.has(requestId) && (received += encodedDataLength));
  await page.goto(`${world.url}#/sweeps/big`);
  await shows(page, '.leaderboard header', '50,000 trials');
  await page.waitForSelector('.echart canvas');
  assert.ok(received < 500_000, `${received} bytes`);
  const paint = await paintsAtOnce(page, `${world.url}#/sweeps/big`);
  await page.waitForSelector('.echart canvas');
  await shows(page, '.leaderboard .rows .row', 'done');
  await eventually(async () => (await page.locator('.timeline .lane a').count()) > 100, 'the last attempts are in the timeline');
  await page.waitForLoadState('networkidle');  // charts of the best and their curves
  await page.waitForTimeout(300);

  const table = await page.locator('.leaderboard .table').boundingBox();
  const ranks = async () => (await page.locator('.leaderboard .rows .row .cell:first-child').allInnerTexts()).map((one) => Number(one.replace(/\D/g, '')));
  await smooth(page, 'scrolling', async () => {
    await page.mouse.move(table.x + table.width / 2, table.y + table.height / 2);
    for (let i = 0; i < 40; ++i) {
      await page.mouse.wheel(0, 700);
      await page.waitForTimeout(8);
    }
  });
  await eventually(async () => Math.min(...(await ranks())) > 500, 'rows beyond those that came with the page');
  await page.locator('.leaderboard .table').evaluate((element) => (element.scrollTop = element.scrollHeight));
  await eventually(async () => (await ranks()).includes(TRIALS), 'the last of all');
  await page.locator('.leaderboard .table').evaluate((element) => (element.scrollTop = 0));

  const wanted = await world.call('GET', `/v1/sweeps/big/leaderboard?top=1&filter=${encodeURIComponent('lora_rank >= 16 and state == PRUNED')}`);
  assert.ok(Number(wanted.total_rows) > 5000);
  await smooth(page, 'filtering', async () => {
    await page.fill('#filter', '');
    await page.locator('#filter').pressSequentially('rank>=16 pruned', { delay: 30 });
    await shows(page, '.leaderboard header', `${Number(wanted.total_rows).toLocaleString('en-US')} of 50,000`);
  });
  await page.fill('#filter', '');
  await shows(page, '.leaderboard header', '50,000 trials');
  await smooth(page, 'sorting', async () => {
    for (const order of ['learning_rate', 'learning_rate desc']) {
      await page.click('.leaderboard .head button:text("lr")');
      const first = await world.call('GET', `/v1/sweeps/big/leaderboard?top=1&order_by=${encodeURIComponent(order)}`);
      await eventually(async () => (await page.locator(`.leaderboard .row[data-trial="${first.rows[0].trial.number}"][aria-rowindex="2"]`).count()) === 1, `first by ${order}`);
    }
  });
  const chart = await page.locator('.curves .u-over').boundingBox();
  await smooth(page, 'pointing at curves', async () => {
    for (let i = 0; i < 30; ++i) await page.mouse.move(chart.x + (chart.width * (i + 1)) / 32, chart.y + chart.height * (0.5 + 0.4 * Math.sin(i)));
  });
  await smooth(page, 'going through rows by keys', async () => {
    await page.mouse.move(5, 5);
    for (let i = 0; i < 15; ++i) await page.keyboard.press('j');
  });
  const { metrics } = await session.send('Performance.getMetrics');
  const heap = metrics.find((one) => one.name === 'JSHeapUsedSize').value;
  console.log(`# first paint ${Math.round(paint)} ms, ${received} bytes, heap ${(heap / 1e6).toFixed(0)} MB`);
  assert.ok(heap < 150e6, `${heap} bytes of heap`);
  assert.deepEqual(page.problems, []);
});
