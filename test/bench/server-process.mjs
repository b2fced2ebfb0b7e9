// `uws serve` as a process whose cost can be told from that of everything else.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const uws = fileURLToPath(new URL('../../packages/cli/bin/uws.mjs', import.meta.url));
const port = 5990;
export const baseUrl = `http://127.0.0.1:${port}`;
export const clientToken = 'bench-token-of-this-run-only';

export async function startServer(dataDirectory, configuration) {
  const child = spawn(process.execPath, [uws, 'serve'], {
    env: {
      ...process.env,
      UWS_CONFIG: configuration,
      UWS_DATA_DIR: dataDirectory,
      UWS_PORT: String(port),
      UWS_CLIENT_TOKEN: clientToken,
      UWS_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const server = {
    pid: child.pid,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}.`);
    if ((await fetch(`${baseUrl}/readyz`).catch(() => undefined))?.ok) return server;
    await sleep(100);
  }
  await server.stop();
  throw new Error('The server did not start.');
}

/** CPU time that a process has used, and that of the children that it has waited for. */
export function cpuOf(pid) {
  const [utime, stime, cutime, cstime] = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .split(') ')[1]
    .split(' ')
    .slice(11, 15);
  return { ownMs: (Number(utime) + Number(stime)) * 10, childrenMs: (Number(cutime) + Number(cstime)) * 10 };
}

/** Figures of the server's own /metrics. How late its event loop was is told since the last time that they were asked for. */
async function figures() {
  const text = await (await fetch(`${baseUrl}/metrics`)).text();
  const values = new Map(
    text.split('\n').map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );
  const value = (name) => Number(values.get(name) ?? 0);
  return {
    looks: value('uws_reconcile_duration_seconds_count{kind="observe"}'),
    lookSeconds: value('uws_reconcile_duration_seconds_sum{kind="observe"}'),
    rows: value('uws_reconcile_rows_total{kind="jobs"}'),
    memoryBytes: value('process_resident_memory_bytes'),
    lateSeconds: value('nodejs_eventloop_lag_max_seconds'),
  };
}

/** What a server costs while nobody asks it for anything else. */
export async function costOf(server, seconds) {
  const [before, from] = [cpuOf(server.pid), await figures()];
  const startMs = performance.now();
  await sleep(seconds * 1000);
  const tookMs = performance.now() - startMs;
  const [after, to] = [cpuOf(server.pid), await figures()];
  const own = after.ownMs - before.ownMs;
  const commands = after.childrenMs - before.childrenMs;
  const looks = to.looks - from.looks;
  const percent = (ms) => Number(((ms / tookMs) * 100).toFixed(1));
  return {
    'server, % of a core': percent(own),
    'its commands, %': percent(commands),
    'together, %': percent(own + commands),
    looks,
    'a look, s': looks === 0 ? 0 : Number(((to.lookSeconds - from.lookSeconds) / looks).toPrecision(2)),
    'jobs looked at': to.rows - from.rows,
    'memory, MB': Math.round(to.memoryBytes / 1e6),
    'event loop late at most, ms': Math.round(to.lateSeconds * 1000),
  };
}
