/**
 * Prints single-row transactions and 100-row selects per second of the embedded database, and of an address if one is given:
 * `node test/bench/database.mjs [postgres://… | mysql://…]`. Needs a build.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqlDatabase } from '@user-workspaces/database-sql';

const DURATION_MS = 3_000;
const address = process.argv[2];
const directory = mkdtempSync(join(tmpdir(), 'uws-bench-'));
const database = createSqlDatabase(
  address
    ? { client: address.startsWith('postgres') ? 'pg' : 'mysql2', connection: address }
    : { client: 'sqlite', file: join(directory, 'bench.db') },
);

const event = (userId, seq) => ({
  user_id: userId,
  seq,
  type: 'job',
  subject_id: 1,
  payload: '{"status":"running"}',
  created_at_ms: Date.now(),
});

async function rate(parallel, work) {
  const endMs = performance.now() + DURATION_MS;
  let done = 0;
  const worker = async () => {
    while (performance.now() < endMs) {
      await work();
      done += 1;
    }
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: parallel }, worker));
  return Math.round((done * 1000) / (performance.now() - startMs));
}

await database.migrate();
const run = Date.now();
let seq = 0;
const insert = () => database.transaction((transaction) => transaction.insert('events', event(run, ++seq)));
const select = () => database.find('events', { where: { user_id: run }, orderBy: [['seq', 'desc']], limit: 100 });
const rows = [];
for (const parallel of [1, 10]) {
  rows.push({
    parallel,
    'single-row transactions/s': await rate(parallel, insert),
    '100-row selects/s': await rate(parallel, select),
  });
}
console.table(rows);
await database.close();
rmSync(directory, { recursive: true, force: true });
