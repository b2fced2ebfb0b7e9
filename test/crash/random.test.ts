// Kills the server at random times while several users' programs work with it, and counts afterwards what they were promised.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { settled, until, violations } from './invariants.js';
import { type Answered, Bench, type SendOptions } from './steps/bench.js';
import { putAwayBench, removeBench } from './steps/deaths.js';

const seed = 20_261_124;
const kills = 10;
const programs = 4;

/** The same numbers for the same seed (mulberry32). */
function randomNumbers(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(() => removeBench(bench));

async function startCounting(workspaceId: number, details: Record<string, number>): Promise<number> {
  const body = { job_type: 'counting', job_details: details };
  const answer = await bench.send('ada', 'PUT', `/workspaces/${workspaceId}/start/`, { body });
  return idOf(answer, 'job');
}

function idOf(answer: Answered | undefined, what: string): number {
  const found = answer?.body.data?.[what];
  if (typeof found !== 'object' || found === null || !('id' in found) || typeof found.id !== 'number') {
    throw new Error(`No ${what}: ${JSON.stringify(answer)}`);
  }
  return found.id;
}

describe('while the server is dead', () => {
  test('jobs go on and end, and the next start records how and when', async () => {
    const made = await bench.send('ada', 'POST', '/workspaces/', { body: { name: 'survivors', description: '' } });
    const workspaceId = idOf(made, 'workspace');
    const [short, long] = [
      await startCounting(workspaceId, { seconds: 0.8, exit_code: 7 }),
      await startCounting(workspaceId, { seconds: 30 }),
    ];
    await until('both run', async () => {
      const count = await bench.database.count('jobs', { workspace_id: workspaceId, status: 'running' });
      return count === 2 ? true : undefined;
    });
    await bench.server.stop('SIGKILL');
    const deadAtMs = Date.now();
    await delay(1_500);
    const startsAtMs = Date.now();
    await bench.start();
    const ended = await until('its end', async () => {
      const row = await bench.database.findOne('jobs', { id: short });
      return row?.status === 'failed' ? row : undefined;
    });
    expect(ended).toMatchObject({ exit_code: 7, status_reason: 'exit_code' });
    expect(ended.ended_at_ms).toBeGreaterThan(deadAtMs - 1_000);
    expect(ended.ended_at_ms).toBeLessThan(startsAtMs);
    expect(await bench.database.findOne('jobs', { id: long })).toMatchObject({ status: 'running' });
    await bench.send('ada', 'PUT', `/jobs/${long}/stop/`);
    await settled(bench);
    expect(await violations(bench)).toEqual([]);
  });
});

describe('killed at random times under load', () => {
  /** Repeats a request, with its key, until somebody answers. */
  async function insist(
    method: string,
    path: string,
    options: SendOptions,
    isOver: () => boolean,
  ): Promise<Answered | undefined> {
    for (;;) {
      const answer = await bench.send('ada', method, path, options);
      const isFinal =
        answer && answer.status !== 503 && !(answer.status === 409 && answer.body.message?.includes('still at work'));
      if (isFinal) return answer;
      if (isOver()) return undefined;
      await delay(30);
    }
  }

  interface Promised {
    readonly workspaces: Set<number>;
    readonly deleted: Set<number>;
    /** Exit codes by job. */
    readonly jobs: Map<number, number>;
    readonly stopped: Set<number>;
    readonly refused: string[];
  }

  /** Creates, starts, stops and deletes, and remembers what was promised. */
  async function work(random: () => number, name: string, isOver: () => boolean, promised: Promised): Promise<void> {
    for (let round = 0; !isOver(); round++) {
      const key = `${name}.${round}`;
      const files = [
        { name: 'a.txt', content: key },
        { name: 'b/c.txt', content: '' },
      ];
      const created = await insist(
        'POST',
        '/workspaces/',
        withKey(key, { name: key, description: '', workspace_details: { files } }),
        isOver,
      );
      if (!created) return;
      const workspaceId = idOf(created, 'workspace');
      promised.workspaces.add(workspaceId);
      for (let run = 0; run < 1 + Math.floor(random() * 2); run++) {
        const exit_code = Math.floor(random() * 4);
        const body = { job_type: 'counting', job_details: { seconds: random(), exit_code } };
        const started = await insist(
          'PUT',
          `/workspaces/${workspaceId}/start/`,
          withKey(`${key}.${run}`, body),
          isOver,
        );
        if (!started) return;
        const jobId = idOf(started, 'job');
        promised.jobs.set(jobId, exit_code);
        if (random() < 0.3) {
          promised.stopped.add(jobId);
          const stopped = await insist('PUT', `/jobs/${jobId}/stop/`, {}, isOver);
          // It may have ended by itself, or its first request to stop may have been heard and not answered.
          if (stopped && stopped.status !== 200 && stopped.status !== 400)
            promised.refused.push(JSON.stringify(stopped));
        }
      }
      const update = {
        body: { description: key, workspace_details: { files: [{ name: 'a.txt', content: `${key} again` }] } },
      };
      const updated = await insist('PUT', `/workspaces/${workspaceId}/`, update, isOver);
      if (updated && updated.status !== 200) promised.refused.push(JSON.stringify(updated));
      if (random() < 0.4) {
        const removed = await insist('DELETE', `/workspaces/${workspaceId}/?force=true`, {}, isOver);
        if (removed?.status === 200 || removed?.status === 404) promised.deleted.add(workspaceId);
        for (const jobId of (await bench.database.find('jobs', { where: { workspace_id: workspaceId } })).map(
          ({ id }) => id,
        ))
          promised.stopped.add(jobId);
      }
    }
  }

  function withKey(key: string, body: Readonly<Record<string, unknown>>): SendOptions {
    return { body, headers: { 'Idempotency-Key': key } };
  }

  test(`${kills} times, seed ${seed}: what was answered is there once, and nothing else`, {
    timeout: 300_000,
  }, async () => {
    const random = randomNumbers(seed);
    let isOver = false;
    const promised: Promised = {
      workspaces: new Set(),
      deleted: new Set(),
      jobs: new Map(),
      stopped: new Set(),
      refused: [],
    };
    const working = Array.from({ length: programs }, (_, index) =>
      work(randomNumbers(seed + index + 1), `program ${index}`, () => isOver, promised),
    );
    for (let kill = 0; kill < kills; kill++) {
      const before = promised.workspaces.size;
      await delay(200 + random() * 1_000);
      // On a busy machine a server may hardly be up by then: each one has something to lose.
      await until('some work', async () => (promised.workspaces.size > before ? true : undefined), 20_000);
      await bench.server.stop('SIGKILL');
      await delay(random() * 500);
      await bench.start();
    }
    await until(
      'enough work',
      async () => (promised.workspaces.size > kills && promised.jobs.size > kills ? true : undefined),
      60_000,
    );
    isOver = true;
    await Promise.all(working);
    await until('the last job ends', async () =>
      (await bench.database.count('jobs', { status: 'running' })) === 0 ? true : undefined,
    );
    await settled(bench);

    expect(promised.refused).toEqual([]);
    expect(promised.workspaces.size).toBeGreaterThan(kills);
    expect(promised.jobs.size).toBeGreaterThan(kills);
    const workspaces = await bench.database.find('workspaces', {});
    const names = workspaces.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const present = new Set(workspaces.map(({ id }) => id));
    expect([...promised.workspaces].filter((id) => present.has(id) === promised.deleted.has(id))).toEqual([]);
    const wrong: string[] = [];
    for (const [id, exitCode] of promised.jobs) {
      const row = await bench.database.findOne('jobs', { id });
      const byItself = row?.exit_code === exitCode && row.status === (exitCode === 0 ? 'complete' : 'failed');
      const wasStopped = promised.stopped.has(id) && row?.status === 'complete' && row.status_reason === 'stopped';
      if (!byItself && !wasStopped) wrong.push(`job ${id}, to end with ${exitCode}: ${JSON.stringify(row)}`);
    }
    expect(wrong).toEqual([]);
    expect(await violations(bench)).toEqual([]);
    console.log(
      `${kills} kills: ${promised.workspaces.size} workspaces, ${promised.jobs.size} jobs, ${promised.deleted.size} deletions.`,
    );
  });

  test('and nothing is left once all is deleted', async () => {
    expect(await putAwayBench(bench)).toEqual([]);
  });
});
