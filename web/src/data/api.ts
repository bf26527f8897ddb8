// The server's HTTP API (its /openapi.json), one function a call.
import * as decode from './decode';
import { noteRoles } from './roles';
import { tokenAsked } from './token';
import type { Comparison, Importance, Leaderboard, MachineUse, Observation, Samples, Sweep, Trial, Worker } from './model';

export class ApiError extends Error {
  constructor(readonly code: number, readonly status: string, message: string) {
    super(message);
  }
}

async function call(verb: string, path: string, body?: unknown): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: verb,
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, 'UNAVAILABLE', 'the server is not reached');
  }
  noteRoles(response.headers.get('Lorasweep-Roles'));
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = answer.error ?? {};
    if (response.status === 401) tokenAsked.value = error.message ?? 'A token is needed.';
    throw new ApiError(response.status, error.status ?? 'UNKNOWN', error.message ?? response.statusText);
  }
  return answer;
}

type Query = Record<string, string | number | boolean | string[]>;

const get = (path: string, query: Query = {}) => {
  const text = new URLSearchParams(Object.entries(query).flatMap(([key, one]) =>
    (Array.isArray(one) ? one : [String(one)]).map((each) => [key, each]))).toString();
  return call('GET', `/v1/${path}${text ? `?${text}` : ''}`);
};

// A text that no other call uses: makes a repeated call harmless.
export function requestId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// All pages of a list.
async function pages<T>(path: string, key: string, query: Query, one: (json: unknown) => T): Promise<T[]> {
  const all: T[] = [];
  for (let token = ''; ;) {
    const page = (await get(path, token ? { ...query, page_token: token } : query)) as Record<string, unknown>;
    for (const json of page[key] as unknown[]) all.push(one(json));
    token = String(page.next_page_token ?? '');
    if (!token) return all;
  }
}

export const listSweeps = (): Promise<Sweep[]> => pages('sweeps', 'sweeps', { page_size: 1000 }, decode.sweep);
export const getSweep = async (id: string): Promise<Sweep> => decode.sweep(await get(`sweeps/${id}`));
export const listWorkers = (): Promise<Worker[]> => pages('workers', 'workers', {}, decode.worker);
// As far back as the server remembers, oldest first.
export const listMachineUse = async (worker: string): Promise<MachineUse[]> => {
  const answer = (await get(`workers/${worker}/use`)) as { use: unknown[] };
  return answer.use.map(decode.machineUse);
};
export const getTrial = async (id: string, number: number): Promise<Trial> =>
  decode.trial(await get(`sweeps/${id}/trials/${number}`));
export const listObservations = (id: string, number: number): Promise<Observation[]> =>
  pages(`sweeps/${id}/trials/${number}/observations`, 'observations', { page_size: 10000, summary_only: true },
        decode.observation);
// What a trial answered at a step, and which steps it has answers of.
export const listSamples = async (id: string, number: number, step: number): Promise<Samples> =>
  decode.samples(await get(`sweeps/${id}/trials/${number}/samples`, { step }));
// The newest of a sweep's trials.
export const lastTrials = async (id: string, most: number): Promise<Trial[]> => {
  const page = (await get(`sweeps/${id}/trials`, { page_size: most, order_by: 'number desc' })) as { trials: unknown[] };
  return page.trials.map(decode.trial);
};
export interface BoardQuery {
  top: number;
  skip?: number;
  filter?: string;  // in the server's words: "lora_rank >= 16 and state == PRUNED"
  order_by?: string;
}
export const getLeaderboard = async (id: string, query: BoardQuery): Promise<Leaderboard> =>
  decode.leaderboard(await get(`sweeps/${id}/leaderboard`, { ...query }));
export const compareSweeps = async (ids: string[]): Promise<Comparison> =>
  decode.comparison(await get('sweeps:compare', { names: ids.map((id) => `sweeps/${id}`) }));
export const getImportance = async (id: string): Promise<Importance> =>
  decode.importance(await get(`sweeps/${id}/importance`));

export type SweepVerb = 'pause' | 'resume' | 'stop' | 'cancel';
export const changeSweep = async (id: string, verb: SweepVerb): Promise<Sweep> =>
  decode.sweep(await call('POST', `/v1/sweeps/${id}:${verb}`, { request_id: requestId() }));
export interface SweepUpdate {
  note?: string;
  add_tags?: string[];
  remove_tags?: string[];
  limits?: { trials?: string; parallel?: string; priority?: string };
}
export const updateSweep = async (id: string, update: SweepUpdate): Promise<Sweep> =>
  decode.sweep(await call('POST', `/v1/sweeps/${id}:update`, { ...update, request_id: requestId() }));
export const deleteSweep = async (id: string): Promise<void> => {
  await call('DELETE', `/v1/sweeps/${id}?request_id=${requestId()}`);
};
// `checkOnly`: what would be created, with the defaults filled in.
export const createSweep = async (spec: unknown, checkOnly: boolean): Promise<Sweep> =>
  decode.sweep(await call('POST', '/v1/sweeps', { spec, request_id: requestId(), validate_only: checkOnly }));
export type TrialVerb = 'stop' | 'retry';
export const changeTrial = async (id: string, number: number, verb: TrialVerb): Promise<Trial> =>
  decode.trial(await call('POST', `/v1/sweeps/${id}/trials/${number}:${verb}`, { request_id: requestId() }));
export const setTrialNote = async (id: string, number: number, note: string): Promise<Trial> =>
  decode.trial(await call('POST', `/v1/sweeps/${id}/trials/${number}:update`, { note, request_id: requestId() }));
// A new trial of these parameters, in the server's JSON; the others are as in trial `like`, else as the method has them.
// With a warm start it goes on from that trial's adapter.
export const enqueueTrial = async (id: string, parameters: Record<string, unknown>, like: number | undefined, warmStart: boolean): Promise<Trial> =>
  decode.trial(await call('POST', `/v1/sweeps/${id}/trials`, { parameters, like: like?.toString(), warm_start: warmStart, request_id: requestId() }));
export const blobUrl = (sha256: string): string => `/v1/blobs/${sha256}`;
export const schema = async (): Promise<unknown> => call('GET', '/openapi.json');
