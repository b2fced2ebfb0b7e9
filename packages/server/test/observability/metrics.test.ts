import { readFileSync } from 'node:fs';
import { AdapterError } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { countedTogether } from '../../src/observability/job-counts.js';
import { createMetrics } from '../../src/observability/metrics.js';
import { type Fixture, startFixture, until } from '../files/fixture.js';

const countsOf = (count: number) => new Map([['running', count]] as const);

describe('jobs', () => {
  it('are counted once for all who ask at the same time, and anew for the next', async () => {
    let asked = 0;
    const counts = countedTogether(
      async () => {
        asked += 1;
        return countsOf(asked);
      },
      () => expect.unreachable(),
    );
    expect(await Promise.all([counts(), counts()])).toEqual([countsOf(1), countsOf(1)]);
    expect(await counts()).toEqual(countsOf(2));
  });

  it('are not counted again while a database that hangs has not answered', async () => {
    let answer = (_: ReturnType<typeof countsOf>): void => undefined;
    let asked = 0;
    const failures: unknown[] = [];
    const count = () => {
      asked += 1;
      return new Promise<ReturnType<typeof countsOf>>((resolve) => {
        answer = resolve;
      });
    };
    const counts = countedTogether(count, (error) => failures.push(error), 20);
    expect([await counts(), await counts()]).toEqual([undefined, undefined]);
    expect([asked, failures.length]).toEqual([1, 2]);
    const next = counts();
    answer(countsOf(3));
    expect(await next).toEqual(countsOf(3));
  });
});

describe('while the database is away', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await startFixture();
  });
  afterEach(() => fixture.close());
  const metrics = async () => {
    const answer = await fetch(`${fixture.url}/metrics`);
    return { status: answer.status, text: await answer.text() };
  };

  it('what does not come from it is told, and that it does not answer', async () => {
    await fixture.addJob();
    const before = await metrics();
    expect(before.text).toContain('uws_database_up 1\n');
    expect(before.text).toContain('uws_jobs{status="pending"} 1\n');
    expect(before.text).toContain('uws_jobs{status="running"} 0\n');
    const { count } = fixture.database;
    Object.assign(fixture.database, {
      count: () => Promise.reject(new AdapterError('unavailable', 'It is away.')),
    });
    const { status, text } = await metrics();
    expect(status).toBe(200);
    expect(text).toContain('uws_database_up 0\n');
    expect(text).toMatch(/^process_cpu_seconds_total /m);
    expect(text).toMatch(/^uws_event_streams 0$/m);
    expect(text).not.toMatch(/^uws_jobs\{/m);
    expect(text).toMatch(/^uws_log_lines_lost_total 7$/m);
    Object.assign(fixture.database, { count });
    expect((await metrics()).text).toContain('uws_jobs{status="pending"} 1\n');
  });

  it('nobody who watches waits for it, also with a token', async () => {
    Object.assign(fixture.database, { findOne: () => new Promise(() => {}) });
    for (const path of ['/healthz', '/metrics']) {
      const init = { headers: { 'UWS-Authorization': 'Token uws_any' }, signal: AbortSignal.timeout(5_000) };
      expect((await fetch(`${fixture.url}${path}`, init)).status).toBe(200);
    }
  });
});

test('counts begin with zero where the values of their labels are known', async () => {
  const { text } = await createMetrics(['local', 'cluster']).render();
  const zeros = text.split('\n').filter((line) => line.startsWith('uws_') && line.endsWith('} 0'));
  for (const series of [
    'uws_jobs_ended_total{resource="cluster",status="failed",reason="launch_failed"}',
    'uws_jobs_ended_total{resource="local",status="complete",reason="idle"}',
    'uws_launches_total{resource="local",outcome="failed"}',
    'uws_audit_entries_total{action="sign_in",outcome="refused"}',
    'uws_quota_refusals_total{scope="disk_space"}',
    'uws_limit_refusals_total{name="requests_per_minute"}',
    'uws_reconcile_rows_total{kind="jobs"}',
    'uws_reconcile_duration_seconds_count{kind="observe"}',
  ]) {
    expect(zeros).toContain(`${series} 0`);
  }
});

test('a stream of events is counted when its head is sent, not when it ends', async () => {
  const fixture = await startFixture();
  try {
    const stream = await fixture.call('/events/');
    expect(stream.status).toBe(200);
    const text = await (await fetch(`${fixture.url}/metrics`)).text();
    const labels = '{operation="streamEvents",status="200"}';
    expect(text).toContain(`uws_http_request_duration_seconds_count${labels} 1\n`);
    await stream.body?.cancel();
    await until(() => fixture.streams.size === 0);
    const [, seconds] = /_sum\{operation="streamEvents",status="200"\} (\S+)/.exec(text) ?? [];
    expect(Number(seconds)).toBeLessThan(2);
  } finally {
    await fixture.close();
  }
});

test('each metric has its row in the documentation', async () => {
  const created = createMetrics();
  const none = () => 0;
  created.watch({
    ...{ sessions: none, sessionRequests: none, sessionSockets: none, eventStreams: none, lostLogLines: none },
    clockAheadSeconds: () => 0,
    ...{ countJobs: async () => 0, onUncounted: () => undefined },
  });
  const { text } = await created.render();
  const told = [...text.matchAll(/^# TYPE (uws_\w+) /gm)].map(([, name]) => name);
  const page = readFileSync(new URL('../../../../docs/operation.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `uws_'));
  const documented = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(uws_\w+)`/g)]);
  expect(documented.map(([, name]) => name).sort()).toEqual(told.sort());
});
