import { execSync } from 'node:child_process';
import { test, expect } from 'vitest';
import { startServer } from '../support/server.js';
import { signIn, startSession, startJob } from '../support/users.js';
import { visit } from '../support/visit.js';
import { putAway, presentControlGroups } from '../support/put-away.js';
test('x', async () => {
  const t0 = Date.now();
  const server = await startServer({ env: { TMPDIR: '/tmp' } });
  console.log('up', Date.now() - t0, server.output());
  const ada = await signIn(server);
  const { session, job } = await startSession(ada, { job_type: 'terminal' });
  console.log('ready', Date.now() - t0, session.url, session.job);
  const v = await visit(session.url);
  console.log(v.response.status, v.addresses, v.cookie, (await v.response.text()).slice(0, 300));
  console.log(execSync(`find ${server.dataDirectory} -maxdepth 4 | head -40; ps -ef --forest | tail -12`).toString(), await presentControlGroups());
  console.log(await putAway(server, [ada]), Date.now() - t0, await presentControlGroups());
});
