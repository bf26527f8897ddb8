// The playground in a real browser: a sweep of a real, tiny model, trained by the real worker. Needs Chromium and the
// model stories260K; without them it says so and is skipped.
// LORASWEEP_SCREENSHOTS=FOLDER also writes the picture of the docs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { World, accessible, chromium, eventually, screenshots } from './world.mjs';

const source = join(process.env.LORASWEEP_SOURCE_DIR ?? '.', '..', 'shared', 'models', 'stories260K');
const bin = process.env.LORASWEEP_BIN_DIR ?? 'build/bin';
const world = new World();
const skip = !chromium ? 'needs Chromium: scripts/setup --tests installs it' : existsSync(source) ? false : `needs ${source}`;
let url;
let sweep;

// stories260K with a chat template, and conversations for it.
function writeInputs() {
  const model = join(world.folder, 'tiny-chat');
  mkdirSync(model);
  for (const file of ['config.json', 'model.safetensors', 'tokenizer.json']) copyFileSync(join(source, file), join(model, file));
  const config = JSON.parse(readFileSync(join(source, 'tokenizer_config.json'), 'utf8'));
  config.chat_template = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + eos_token }}{% endfor %}"
    + "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}";
  writeFileSync(join(model, 'tokenizer_config.json'), JSON.stringify(config));
  const names = ['Lily', 'Tom', 'Mia', 'Ben', 'Sue'];
  const things = ['a red ball', 'a small dog', 'the big park', 'a blue car'];
  const rows = Array.from({ length: 60 }, (_, row) => ({ conversations: [
    { from: 'human', value: `Tell me of ${names[row % 5]} on day ${row}.` },
    { from: 'gpt', value: `Once upon a time, ${names[row % 5]} saw ${things[Math.floor(row / 5) % 4]}. ${names[row % 5]} was happy.` }] }));
  writeFileSync(join(world.folder, 'rows.jsonl'), rows.map((one) => JSON.stringify(one)).join('\n'));
  return model;
}

before(async () => {
  if (skip) return;
  await world.startServer();
  const model = writeInputs();
  world.processes.push(spawn(join(bin, 'lorasweep-worker'), ['--server', world.grpc, '--device', 'cpu', '--threads', '1'], { stdio: 'ignore' }));
  sweep = await world.create({
    name: 'story-tutor', model, method: 'grid', data: { train: [join(world.folder, 'rows.jsonl')], validation: { rows: '4' }, max_length: '128' },
    training: { max_steps: '40', batch_size: '4', eval_every: '0', save_every: '0', precision: 'fp32', learning_rate: 5e-3 },
    parameters: [{ name: 'lora_rank', values: [{ integer: '4' }, { integer: '8' }] }],
  });
  await Promise.all([world.openBrowser(), eventually(async () =>
    (await world.call('GET', `/v1/sweeps/${sweep}`)).state === 'COMPLETED', 'the sweep is trained', 60000)]);
  const child = spawn(join(bin, 'lorasweep'), ['--server', world.grpc, 'playground', sweep, '--port', '0', '--device', 'cpu', '--threads', '1', '--precision', 'fp32']);
  world.processes.push(child);
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  await eventually(() => /playground: \S+/.test(output), `the playground is there: ${output}`, 20000);
  url = /playground: (\S+)/.exec(output)[1];
});
after(() => world.close());

const measurements = async () => {
  const { rows } = await world.call('GET', `/v1/sweeps/${sweep}/leaderboard`);
  return Object.fromEntries(rows[0].trial.measurements.map((one) => [one.metric, one]));
};

test('a message is answered side by side, token by token, and a vote joins the trial', { skip }, async () => {
  const page = await world.page();
  await page.goto(url);
  const answers = page.locator('.chat .round:last-child .answer, .chat .round .answer');
  await page.waitForSelector('.heads header:nth-child(2)');
  assert.deepEqual(await page.locator('.heads header b').allInnerTexts(), ['base', `trial ${(await world.call('GET', `/v1/sweeps/${sweep}/leaderboard`)).rows[0].trial.number}`]);
  await page.fill('[name=max_tokens]', '18');
  await page.fill('[name=question]', 'Tell me of Lily on day 3.');
  await page.keyboard.press('Enter');
  await eventually(async () => (await page.locator('.votes button').count()) === 3, 'both have answered');
  assert.match(await answers.nth(1).locator('.text').innerText(), /Once upon a time, Lily saw/);
  assert.match(await answers.nth(0).locator('.note').innerText(), /\d+ tokens · [\d.]+ tokens\/s/);
  await accessible(page, 'chat');
  if (screenshots) await page.screenshot({ path: join(screenshots, 'playground.png') });

  await page.locator('.log').focus();
  await page.keyboard.press('2');
  await page.waitForSelector('text=kept with the trial');
  const known = (await measurements())['eval/votes'];
  assert.equal(known.value, 1);
  assert.equal(Number(known.count), 1);

  // The second turn knows the first.
  const asked = page.waitForRequest('**/api/answers');
  await page.fill('[name=question]', 'Tell me of Tom on day 4.');
  await page.click('button:text("Send")');
  assert.equal((await asked).postDataJSON().answers[1].messages.length, 3);
  await eventually(async () => (await page.locator('.round').count()) === 2 && (await page.locator('.votes button').count()) === 3, 'the second answers');

  // Blind: names and places are hidden until a vote.
  await page.check('text=blind');
  assert.equal(await page.locator('.round').count(), 0);
  assert.deepEqual(await page.locator('.heads header b').allInnerTexts(), ['answer A', 'answer B']);
  await page.fill('[name=question]', 'Tell me of Sue on day 9.');
  await page.keyboard.press('Enter');
  await eventually(async () => (await page.locator('.votes button').count()) === 3, 'blind answers');
  await page.click('.votes button:text("a tie")');
  await eventually(async () => (await page.locator('.heads header b').allInnerTexts()).includes('base'), 'the names are told');
  assert.equal((await measurements())['eval/votes'].value, 0.75);

  // Stop ends what is being written.
  await page.fill('[name=temperature]', '1.5');
  await page.fill('[name=max_tokens]', '8000');
  await page.fill('[name=question]', 'Tell me everything.');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.ask .danger');
  await page.keyboard.press('Escape');
  await eventually(async () => (await page.locator('.ask .danger').count()) === 0, 'it has stopped');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('a list of prompts is answered in one table, in the dark and on a phone', { skip }, async () => {
  const page = await world.page({ colorScheme: 'dark' });
  await page.goto(url);
  await page.click('button:text("Prompts")');
  await page.fill('[name=max_tokens]', '30');
  await page.setInputFiles('input[type=file]', join(world.folder, 'rows.jsonl'));
  await page.waitForSelector('text=60 prompts');
  await page.fill('[name=prompts]', 'Tell me of Lily on day 3.\nTell me of Tom on day 4.\n\nTell me of Mia on day 5.\n');
  await page.click('button:text("Answer all")');
  await eventually(async () => (await page.locator('table.answers .votes button').count()) === 9, 'all are answered');
  assert.match(await page.locator('table.answers tbody tr').nth(2).innerText(), /Mia saw/);
  await page.locator('table.answers tbody tr').nth(1).locator('.votes button').nth(1).click();
  await eventually(async () => Number((await measurements())['eval/votes'].count) === 3, 'the vote is kept');
  await accessible(page, 'prompts in the dark');
  await page.setViewportSize({ width: 390, height: 800 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out on a phone');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
