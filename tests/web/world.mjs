// A real server, workers with a toy trainer, and a real browser, for tests of the dashboard.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.LORASWEEP_BIN_DIR ?? 'build/bin';
const require = createRequire(join(process.env.LORASWEEP_NODE_MODULES ?? 'build/web/room/node_modules', 'x.js'));

function findChromium() {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // The next one.
    }
  }
  return undefined;
}
export const chromium = findChromium();
export const skip = chromium ? false : 'needs Chromium: scripts/setup --tests installs it';
// A folder for the pictures of the docs; undefined: none are made.
export const screenshots = process.env.LORASWEEP_SCREENSHOTS;

export async function eventually(condition, what, limit = 30000) {
  const begin = Date.now();
  while (Date.now() - begin < limit) {
    if (await condition()) return Date.now() - begin;
    await new Promise((done) => setTimeout(done, 15));
  }
  throw new Error(`not within ${limit} ms: ${what}`);
}

export const text = (page, selector) => page.locator(selector).innerText();
export async function shows(page, selector, wanted, limit = 30000) {
  let shown = '';
  const holds = async () => (shown = (await page.locator(selector).allInnerTexts()).join('\n')).includes(wanted);
  await eventually(holds, `${selector} shows ${wanted}`, limit).catch((error) => { throw new Error(`${error.message}, but: ${shown}`); });
}

// What a fixed piece of work, of the kind that pages do, takes the machine that limits of time are written for.
const WORK = 20;  // milliseconds

// How many times slower than that machine this one is now, at least 1.
export async function slowness(page) {
  const took = await page.evaluate(() => {
    const times = Array.from({ length: 5 }, () => {
      const begin = performance.now();
      const rows = Array.from({ length: 20000 }, (_, i) => ({ key: (i * 7919) % 20011, text: `row ${i}` }));
      JSON.parse(JSON.stringify(rows.sort((a, b) => a.key - b.key)));
      return performance.now() - begin;
    });
    return times.sort((a, b) => a - b)[2];
  });
  return Math.max(1, took / WORK);
}

// The page of this address shows something within a second of its beginning, on a machine as fast as that of the limits.
// Best of five: other programs hold the machine too. Returns the milliseconds.
export async function paintsAtOnce(page, url) {
  let best = Infinity;
  for (let round = 0; round < 5 && best >= 1000; ++round) {
    await page.goto('about:blank');
    await page.goto(url);
    await page.waitForSelector('main .panel');
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity);
    best = Math.min(best, paint / (await slowness(page)));
  }
  assert.ok(best < 1000, `first contentful paint after ${best} ms`);
  return best;
}

// No serious or critical finding of axe-core.
export async function accessible(page, what) {
  await page.evaluate(require('axe-core').source);
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'best-practice'] }));
  const serious = violations.filter((one) => ['serious', 'critical'].includes(one.impact));
  assert.deepEqual(serious.map((one) => `${what}: ${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(' ')}`), []);
}

export class World {
  folder = mkdtempSync(join(tmpdir(), 'lorasweep-web-'));
  processes = [];
  requests = 0;

  // Starts the server, on its ports of before if it ran already.
  async startServer() {
    const address = (url) => url.replace(/^http:\/\//, '').replace(/\/$/, '');
    const child = spawn(join(bin, 'lorasweep-server'), [
      '--state', join(this.folder, 'state'), '--listen', this.grpc ?? '127.0.0.1:0',
      '--http-address', this.url ? address(this.url) : '127.0.0.1:0', '--lease-seconds', '60']);
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    this.server = child;
    this.processes.push(child);
    await eventually(() => /dashboard at .*\n/.test(output), 'the server listens', 30000).catch((error) => {
      throw new Error(`${error.message}: ${output}`);
    });
    this.grpc = /listening on (\S+)\n/.exec(output)[1];
    this.url = /dashboard at (\S+)\n/.exec(output)[1];
  }

  async killServer() {
    const closed = new Promise((done) => this.server.once('close', done));
    this.server.kill('SIGKILL');
    await closed;
  }

  startWorker(name, stepMs) {
    const child = spawn(join(bin, 'fake_worker'), ['--server', this.grpc, '--name', name, '--step-ms', String(stepMs)],
      { cwd: this.folder, stdio: 'ignore' });
    this.processes.push(child);
    return child;
  }

  async openBrowser() {
    const { chromium: driver } = require('playwright-core');
    this.browser = await driver.launch({ executablePath: chromium, args: ['--no-sandbox', '--force-color-profile=srgb'] });
  }

  // A page of a browser of its own: nothing is shared with others but the server.
  async page(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    page.problems = [];
    page.on('pageerror', (error) => page.problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text()) && page.problems.push(message.text()));
    return page;
  }

  async call(verb, path, body) {
    const response = await fetch(new URL(path, this.url), {
      method: verb, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    return answer;
  }

  async create(spec) {
    return (await this.call('POST', '/v1/sweeps', { spec, request_id: `request-${++this.requests}` })).name.split('/')[1];
  }

  // A trial in the hands of this test, reported as an external trainer does.
  async lease(worker) {
    const { leases } = await this.call('POST', `/v1/workers/${worker}:lease`, { max_trials: 1, request_id: `request-${++this.requests}` });
    return leases[0];
  }
  report(worker, token, step, value, metric = 'validation/loss') {
    const observation = { metric, step, sequences: step * 8, tokens: step * 800, value };
    return this.call('POST', `/v1/workers/${worker}:report`, { reports: [{ token, observations: [observation] }] });
  }
  // What the adapter of a step answered to the first validation rows, and how busy the worker's machine is.
  show(worker, token, step, answers, use) {
    const samples = answers.map((generated, row) => ({ step, row, prompt: `question ${row}`, expected: `answer ${row}`, generated }));
    return this.call('POST', `/v1/workers/${worker}:report`, { reports: [{ token, samples }], use });
  }
  complete(worker, token) {
    return this.call('POST', `/v1/workers/${worker}:complete`, { token });
  }

  async close() {
    await this.browser?.close();
    for (const child of this.processes) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const externalSpec = (name, trials) => ({
  name, model: 'model', trainer: 'external', method: 'random', data: { train: ['rows.jsonl'] },
  training: { max_steps: '100', batch_size: '8' }, limits: { trials: String(trials) },
  parameters: [{ name: 'learning_rate', distribution: 'log_uniform_values', min: { number: 1e-5 }, max: { number: 1e-2 } }],
});

export const toySpec = (name, trials) => ({
  name, model: 'SmolLM2-135M-Instruct', method: 'tpe', data: { train: ['math.jsonl'] },
  training: { max_steps: '60', batch_size: '8', eval_every: '5', save_every: '20' },
  early_terminate: { type: 'asha', min_steps: '30', eta: 2 }, limits: { trials: String(trials), pack: '2' }, seed: '7',
  parameters: [
    { name: 'learning_rate', distribution: 'log_uniform_values', min: { number: 3e-5 }, max: { number: 1e-2 } },
    { name: 'lora_rank', values: [4, 8, 16, 32, 64].map((one) => ({ integer: String(one) })) },
    { name: 'lora_alpha', distribution: 'expression', expression: '2 * lora_rank' },
    { name: 'lora_dropout', values: [0, 0.05, 0.1].map((one) => ({ number: one })) },
    { name: 'weight_decay', values: [0, 0.01, 0.1].map((one) => ({ number: one })) },
  ],
});

// A server and a browser for all tests of a file.
export function openWorld() {
  const world = new World();
  before(async () => {
    if (skip) return;
    await world.startServer();
    await world.openBrowser();
  });
  after(() => world.close());
  return world;
}
