// The dashboard in a real browser over a real server. Needs Chromium; without one it says so and is skipped.
// LORASWEEP_SCREENSHOTS=FOLDER also writes the pictures of the docs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from 'node:path';
import { accessible, eventually, externalSpec, openWorld, paintsAtOnce, screenshots, shows, skip, slowness, text, toySpec } from './world.mjs';

const world = openWorld();

test('an empty server shows how to begin, and the form checks and submits a sweep', { skip }, async () => {
  const page = await world.page();
  await page.goto(world.url);
  await shows(page, '.empty', 'lorasweep submit');
  await accessible(page, 'empty list');
  await page.click('text=write one here');
  await page.fill('[name=key-name]', 'by-hand');
  await page.fill('[name=key-model]', 'toy');
  await page.fill('[name=key-max_steps]', '-3');
  await page.click('button:text("Check")');
  await shows(page, '.problem', 'training.max_steps');
  await page.fill('[name=key-max_steps]', '40');
  await page.fill('[name=key-train]', 'rows.jsonl');
  await page.fill('[name=key-trials]', '3');
  await page.click('button:text("Check")');
  await shows(page, '.good', '3 trials of up to 40 steps');
  await accessible(page, 'form');
  await page.click('button:text("Submit")');
  await shows(page, '.summary', 'Waiting for a worker');
  assert.match(page.url(), /#\/sweeps\/by-hand$/);
  const sweep = await world.call('GET', '/v1/sweeps/by-hand');
  assert.deepEqual(sweep.spec.parameters.map((one) => one.name), ['learning_rate', 'lora_rank']);
  await world.call('POST', '/v1/sweeps/by-hand:cancel', {});
  await shows(page, '.summary', 'cancelled');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('what a worker reports is on every page within a second, also after the server was killed', { skip }, async () => {
  const id = await world.create(externalSpec('live', 4));
  const [one, two] = [await world.page(), await world.page({ colorScheme: 'dark' })];
  for (const page of [one, two]) await page.goto(`${world.url}#/sweeps/${id}`);
  const lease = await world.lease('w');
  await world.report('w', lease.token, 10, 2.3456);
  for (const page of [one, two]) await shows(page, '.leaderboard .rows', '2.3456');
  // Two within a second, of a machine as fast as that of the limits, are enough: another program may hold the machine while
  // the others are on their way.
  const took = [];
  const inTime = () => took.filter((one) => one < 1000).length;
  for (let step = 11; step <= 30 && inTime() < 2; ++step) {
    const value = (2.3456 - step / 64).toFixed(4);
    await world.report('w', lease.token, step, Number(value));
    const begin = Date.now();
    await Promise.all([one, two].map((page) => shows(page, '.leaderboard .rows', value)));
    took.push((Date.now() - begin) / (await slowness(one)));
  }
  assert.equal(inTime(), 2, `shown after ${took} ms`);
  const last = await text(one, '.leaderboard .rows .row .cell:nth-child(4)');
  // An action of one person is seen by the other.
  await one.click('button:text("Pause")');
  await shows(two, '.summary .chip', 'paused');
  await two.keyboard.press('p');
  await shows(one, '.summary .chip', 'running');

  await world.killServer();
  await shows(one, '.lost', 'No connection since');
  assert.equal(await text(one, '.leaderboard .rows .row .cell:nth-child(4)'), last);  // what was known stays
  await world.startServer();
  await world.report('w', lease.token, 40, 1.2109);
  for (const page of [one, two]) await shows(page, '.leaderboard .rows', '1.2109');
  await eventually(async () => (await one.locator('.lost').count()) === 0, 'the strip is gone');

  // What its adapter answers, step by step, and how busy the worker's machine was.
  await world.show('w', lease.token, 30, ['thirteen']);
  await world.show('w', lease.token, 40, ['fourteen', '<b>fifteen</b>'], { seconds: 600, cpu: 0.5 });
  await one.goto(`${world.url}#/sweeps/${id}/trials/0`);
  await shows(one, '.samples', '<b>fifteen</b>');
  await accessible(one, 'samples');
  await one.selectOption('[name=samples-step]', '30');
  await shows(one, '.samples', 'thirteen');
  await one.goto(`${world.url}#/sweeps/${id}`);
  await eventually(async () => (await one.locator('.use-line [aria-label="w: CPU 50 % on average, at most 50 %"]').count()) === 1, 'the machine is drawn');

  // The list has the best of it too; a second sweep appears by itself.
  await two.goto(world.url);
  await shows(two, '.sweeps', '1.2109');
  await world.create(externalSpec('another', 2));
  await shows(two, '.sweeps', 'another');
  await accessible(two, 'list in the dark');
  for (const page of [one, two]) {
    assert.deepEqual(page.problems, []);
    await page.context().close();
  }
  for (const name of [id, 'another']) await world.call('POST', `/v1/sweeps/${name}:cancel`, {});
});

test('a sweep of trials is ranked, sorted, filtered, opened and cloned, by pointer and by keys', { skip }, async () => {
  const id = await world.create(toySpec('math-tutor', 36));
  for (const name of ['desk', 'rack-1', 'rack-2']) world.startWorker(name, 8);
  const page = await world.page();
  await page.goto(`${world.url}#/sweeps/${id}`);
  await eventually(async () => (await page.locator('.leaderboard .rows .row').count()) >= 14, 'fourteen rows', 40000);
  await shows(page, '.summary .chip', 'done', 40000);
  await shows(page, '.leaderboard header', '36 trials');
  const cells = (column) => page.locator(`.leaderboard .rows .row .cell:nth-child(${column})`).allInnerTexts();
  await eventually(async () => (await cells(1))[0] === '1', 'the first row is rank 1');
  const board = await world.call('GET', `/v1/sweeps/${id}/leaderboard`);
  assert.equal(await text(page, '.best-line a >> nth=1'), `trial ${board.rows[0].trial.number}`);
  assert.match(await text(page, '.best-line'), /ahead of trial|not distinguishable/);
  await shows(page, '.importance', 'lr');
  await page.click('.importance button.link');
  await shows(page, '.effect', 'validation/loss that a model of the results expects');

  await page.click('.leaderboard .head button:text("lr")');
  const rates = (await page.locator('.leaderboard .rows .row').evaluateAll((rows) =>
    rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((row) => Number(row.children[5].textContent))));
  assert.deepEqual(rates, [...rates].sort((a, b) => a - b));
  await page.fill('#filter', 'pruned rank>=8');
  const pruned = board.rows.filter((row) => row.trial.state === 'PRUNED' && Number(row.trial.parameters.lora_rank.integer) >= 8);
  await shows(page, '.leaderboard header', `${pruned.length} of 36`);
  await page.reload();  // the address holds the view
  await shows(page, '.leaderboard header', `${pruned.length} of 36`);
  await page.fill('#filter', '');
  await page.keyboard.press('Escape');
  await page.keyboard.press('l');
  assert.equal(await page.getAttribute('button:text("log y")', 'aria-pressed'), 'true');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.equal(await page.locator('.row.picked').count(), 1);
  await accessible(page, 'sweep');
  const chart = await page.locator('.uplot .u-over').boundingBox();
  await page.mouse.move(chart.x + chart.width * 0.3, chart.y + chart.height * 0.7);
  await shows(page, '.tip', 'trial');
  await page.click('button:text("Columns")');
  await page.click('label:text("tokens")');
  await shows(page, '.leaderboard .head', 'tokens');
  const [csv] = await Promise.all([page.waitForEvent('download'), page.click('button:text("CSV")')]);
  assert.equal(csv.suggestedFilename(), `${id}.csv`);
  await page.mouse.click(700, 60);

  const picked = await page.getAttribute('.row.picked', 'data-trial');
  await page.keyboard.press('Enter');
  await shows(page, 'h1', `trial ${picked}`);
  await shows(page, '.reasons', 'Why it was tried');
  await shows(page, '[aria-label=Attempts]', 'step');
  await accessible(page, 'trial');
  const best = board.rows[0].trial.number;
  await page.goto(`${world.url}#/sweeps/${id}/trials/${best}`);
  await shows(page, '[aria-label=Files]', 'adapter_model.safetensors');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=adapter_config.json')]);
  assert.equal(download.suggestedFilename(), 'adapter_config.json');
  if (screenshots) await page.screenshot({ path: join(screenshots, 'dashboard-trial.png') });

  await page.keyboard.press('Escape');
  await page.mouse.move(5, 5);
  await shows(page, 'h1', id);
  if (screenshots) {
    await page.setViewportSize({ width: 1440, height: 1010 });
    await page.screenshot({ path: join(screenshots, 'dashboard.png') });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForTimeout(500);
    await page.screenshot({ path: join(screenshots, 'dashboard-dark.png') });
  }
  await page.click('[aria-label="More actions"]');
  await page.click('text=New sweep like this');
  assert.equal(await page.inputValue('[name=key-name]'), 'math-tutor');
  assert.equal(await page.inputValue('[aria-label="Values of lora_rank"]'), '4, 8, 16, 32, 64');
  await page.click('button:text("Check")');
  await shows(page, '.good', '36 trials');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('a phone shows it all without scrolling sideways, in the dark too', { skip }, async () => {
  const page = await world.page({ viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true });
  for (const path of ['#/', '#/sweeps/math-tutor', '#/sweeps/math-tutor/trials/0', '#/new']) {
    await page.goto(`${world.url}${path}`);
    await page.waitForSelector('main .panel');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} fits`);
    await accessible(page, `${path} on a phone in the dark`);
  }
  await page.goto(`${world.url}#/sweeps/none`);
  await shows(page, '.empty', 'sweeps/none');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('destructive actions say what is lost, and ask', { skip }, async () => {
  const id = await world.create(externalSpec('to-be-deleted', 3));
  await world.lease('w2');
  const page = await world.page();
  await page.goto(`${world.url}#/sweeps/${id}`);
  await shows(page, '.counts', '1 running');
  await page.click('[aria-label="More actions"]');
  await page.click('text=Cancel…');
  await shows(page, 'dialog', '1 running trial will be cancelled');
  await shows(page, 'dialog', `lorasweep cancel ${id}`);
  await accessible(page, 'question');
  await page.click('text=Keep it');
  assert.equal((await world.call('GET', `/v1/sweeps/${id}`)).state, 'RUNNING');
  await page.click('[aria-label="More actions"]');
  await page.click('text=Cancel…');
  await page.click('text=Cancel the sweep');
  await shows(page, '.summary .chip', 'cancelled');
  await page.click('[aria-label="More actions"]');
  await page.click('text=Delete…');
  await page.click('text=Delete the sweep');
  await shows(page, 'h1', 'Sweeps');
  await assert.rejects(world.call('GET', `/v1/sweeps/${id}`), /there is no/);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('a trial is stopped, tried again and cloned with another value, by who may', { skip }, async () => {
  const id = await world.create(externalSpec('acts', 1));
  const first = await world.lease('w3');
  const page = await world.page();
  const address = `${world.url}#/sweeps/${id}/trials/0`;
  await page.goto(address);
  await page.click('button:text-is("Stop")');
  await shows(page, 'dialog', `lorasweep trial stop ${id}/0`);
  await page.click('text=Stop the trial');
  await shows(page, '.actions', 'Stopping');
  const { verdicts } = await world.report('w3', first.token, 10, 2.5);
  assert.equal(verdicts[0].action, 'STOP');
  await world.complete('w3', first.token);
  await shows(page, '.reasons', 'stopped by a person');
  await page.click('button:text-is("Retry")');
  await shows(page, '.summary .chip', 'queued');
  const second = await world.lease('w3');
  await world.report('w3', second.token, 100, 1.5);
  await world.complete('w3', second.token);
  await shows(page, '.summary .chip', 'done');  // the page came back to life with the sweep

  await page.click('button:text-is("Clone and change…")');
  assert.equal(await page.inputValue('[name=set-learning_rate]'), String(second.parameters.learning_rate.number));
  await page.fill('[name=set-learning_rate]', '5');
  await page.click('text=Try it next');
  await shows(page, 'dialog .problem', 'parameter learning_rate: 5 is not a number in');
  await accessible(page, 'clone');
  await page.fill('[name=set-learning_rate]', '0.002');
  await shows(page, 'dialog', `lorasweep trial clone ${id}/0 --set learning_rate=0.002`);
  await page.click('text=Try it next');
  await shows(page, 'h1', 'trial 1');
  await shows(page, '[aria-label=Settings]', '0.002');
  await shows(page, '.reasons', 'Wanted by a person');
  assert.equal((await world.lease('w3')).parameters.learning_rate.number, 0.002);
  assert.deepEqual(page.problems, []);
  await page.context().close();

  const viewer = await world.page();
  const calls = (url) => url.pathname.startsWith('/v1/') && !url.pathname.endsWith(':watch');
  await viewer.route(calls, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), 'lorasweep-roles': 'view' } });
  });
  await viewer.goto(address);
  await shows(viewer, 'h1', 'trial 0');
  assert.equal(await viewer.locator('.actions button').count(), 0);
  await viewer.unrouteAll({ behavior: 'ignoreErrors' });  // an answer may be on its way
  await viewer.context().close();
  await world.call('POST', `/v1/sweeps/${id}:cancel`, {});
});

test('the page is small and paints at once', { skip }, async () => {
  const page = await world.page();
  let received = 0;
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  session.on('Network.loadingFinished', (event) => (received += event.encodedDataLength));
  await page.goto(world.url);
  await page.waitForSelector('.sweeps');
  assert.ok(received < 500_000, `${received} bytes`);
  await paintsAtOnce(page, world.url);
  await page.context().close();
});
