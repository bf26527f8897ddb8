// Notes, tags, limits, sweeps side by side and warm starts, in a real browser over a real server.
// LORASWEEP_SCREENSHOTS=FOLDER also writes the picture of the docs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from 'node:path';
import { accessible, eventually, externalSpec, openWorld, screenshots, shows, skip, text, toySpec } from './world.mjs';

const world = openWorld();

test('a sweep is tagged and noted, and found by its tag', { skip }, async () => {
  const id = await world.create(externalSpec('noted', 2));
  await world.create(externalSpec('other', 2));
  const page = await world.page();
  await page.goto(`${world.url}#/sweeps/${id}`);
  await page.click('button:text("+ tag")');
  await page.fill('[aria-label="New tag"]', 'rank-study baseline');
  await page.keyboard.press('Enter');
  await shows(page, '.tags', 'baseline');
  await page.click('button:text("Add a note")');
  await page.fill('[aria-label=Note]', 'Second seed.\nSee trial 3.');
  await page.click('button:text("Save")');
  await shows(page, '.note p', 'See trial 3.');
  await accessible(page, 'a noted sweep');
  const sweep = await world.call('GET', `/v1/sweeps/${id}`);
  assert.deepEqual(sweep.tags, ['baseline', 'rank-study']);
  assert.equal(sweep.note, 'Second seed.\nSee trial 3.');
  await page.click('[aria-label="Take the tag baseline away"]');
  await shows(page, '.tags', 'rank-study');
  await page.click('.tags a:text("rank-study")');
  await shows(page, '.panel header', '1 of 2 sweeps');
  await page.click('header .tag');
  await shows(page, '.panel header', '2 sweeps');

  await page.goto(`${world.url}#/sweeps/${id}`);
  await page.click('[aria-label="More actions"]');
  await page.click('text=Change limits…');
  await page.fill('[name=limits-trials]', '7');
  await page.fill('[name=limits-priority]', '3');
  await shows(page, 'dialog', `lorasweep update ${id} limits.trials=7 limits.priority=3`);
  await accessible(page, 'limits');
  await page.click('text=Change them');
  await shows(page, '.counts', 'of 7 trials');
  await shows(page, '.counts', 'priority 3');

  await page.click('[aria-label="More actions"]');
  await page.click('text=Try a point…');
  await page.fill('[name=set-learning_rate]', '0.0005');
  await shows(page, 'dialog', `lorasweep enqueue ${id} --set learning_rate=0.0005`);
  await page.click('text=Try it next');
  await shows(page, '[aria-label=Settings]', '5e-4');
  await shows(page, '.reasons', 'Wanted by a person');
  assert.deepEqual(page.problems, []);
  await page.context().close();
  for (const name of [id, 'other']) await world.call('POST', `/v1/sweeps/${name}:cancel`, {});
});

test('sweeps are chosen and compared, and those that do not compare are said not to', { skip }, async () => {
  const worker = world.startWorker('desk', 1);
  for (const [name, change] of [['tpe-16', {}], ['sobol-16', { method: 'sobol' }]]) {
    await world.create({ ...toySpec(name, 16), early_terminate: undefined, ...change });
  }
  await world.create({ ...externalSpec('accuracy', 2), metric: { name: 'accuracy', goal: 'maximize' } });
  const page = await world.page();
  await page.goto(world.url);
  for (const name of ['tpe-16', 'sobol-16']) await shows(page, `tr:has-text("${name}") .chip`, 'done', 40000);
  worker.kill('SIGKILL');
  await page.check('[aria-label="Choose tpe-16 to compare"]');
  await shows(page, '.panel header', 'choose another');
  await page.check('[aria-label="Choose sobol-16 to compare"]');
  await accessible(page, 'a list with choices');
  await page.click('button:text("Compare 2")');
  await page.waitForSelector('.uplot');
  const { sweeps } = await world.call('GET', '/v1/sweeps:compare?names=sweeps/tpe-16&names=sweeps/sobol-16');
  const table = await text(page, '[aria-label=Sweeps]');
  assert.ok(table.includes(sweeps[0].best.value.toFixed(2)) && table.includes('±'), table);
  assert.ok(Math.abs(sweeps[1].best.value - sweeps[0].best.value - sweeps[1].difference) < 1e-6);
  assert.ok(sweeps[1].difference_stderr < sweeps[1].best.value_stderr);
  await shows(page, '[aria-label="What differs"]', 'method');
  assert.equal(await page.locator('.obstacles').count(), 0);
  const chart = await page.locator('.uplot .u-over').boundingBox();
  await page.mouse.move(chart.x + chart.width * 0.8, chart.y + chart.height * 0.6);
  await shows(page, '.tip', 'sobol-16');
  await page.selectOption('[aria-label="Horizontal axis"]', 'trials');
  let at = 0.7;
  await eventually(async () => {
    // The chart is made anew for the axis, and sees the pointer when it next moves.
    await page.mouse.move(chart.x + chart.width * at, chart.y + chart.height * 0.6);
    at = 1.41 - at;
    return /trials ended 1?\d\b/.test((await page.locator('.tip').allInnerTexts()).join());
  }, 'the pointer reads trials');
  await shows(page, 'main', 'lorasweep compare tpe-16 sobol-16');
  await accessible(page, 'comparison');
  if (screenshots) {
    await page.mouse.move(5, 5);
    await page.screenshot({ path: join(screenshots, 'dashboard-compare.png') });
  }
  await page.goto(`${world.url}#/compare?sweeps=tpe-16,accuracy`);
  await shows(page, '.obstacles', 'Their metrics differ: validation/loss, accuracy.');
  assert.equal(await page.locator('.uplot').count(), 0);
  await page.goto(`${world.url}#/compare?sweeps=tpe-16,none`);
  await shows(page, '.problem', 'sweeps/none');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('a trial is cloned with a warm start, and noted', { skip }, async () => {
  const page = await world.page();
  const { best_trial: best } = await world.call('GET', '/v1/sweeps/tpe-16');
  await page.goto(`${world.url}#/sweeps/tpe-16/trials/${best}`);
  await page.click('button:text-is("Clone and change…")');
  await page.check('[name=warm-start]');
  await shows(page, 'dialog', `lorasweep trial clone tpe-16/${best} --warm-start`);
  await page.click('text=Try it next');
  await shows(page, '.facts', `trial ${best}`);
  await shows(page, '.reasons', `Goes on from the adapter of trial ${best}`);
  world.startWorker('desk', 1);
  await shows(page, '.summary .chip', 'done', 20000);
  await page.click('button:text("Add a note")');
  await page.fill('[aria-label=Note]', 'twice as long');
  await page.keyboard.press('Control+Enter');
  await shows(page, '.note p', 'twice as long');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
