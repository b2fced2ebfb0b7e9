// Configuration of `uws serve` under faults. All is what ships; replicas on one machine share the places that replicas on several machines share
// by the network: the files, the accounts, the records of launches.
import { join } from 'node:path';
import { createLocalAuthentication, createOwnAccount, createReservedAccounts } from '@user-workspaces/auth-local';
import { createLocalResource } from '@user-workspaces/resource-local';

const shared = process.env.STORM_SHARED ?? '';
const starts = process.env.STORM_STARTS ?? '';

/** Leaves a line each time it starts, says when it begins and ends, and ends with the code it was told. */
const countingJob = {
  kind: 'CountingJob',
  configure: () => ({
    recipe: ({ jobId, jobDetails }) => ({
      command: [
        '/bin/sh',
        '-c',
        'echo started >> "$1"; echo "job $4 begins"; sleep "$2"; echo "job $4 ends"; exit "$3"',
        'counting',
        join(starts, String(jobId)),
        String(Number(jobDetails.seconds ?? 60)),
        String(Number(jobDetails.exit_code ?? 0)),
        String(jobId),
      ],
      files: [],
      environment: {},
    }),
  }),
};

/** Leaves a line when it starts, and answers every request and WebSocket with words that no other job's application knows. */
const serving = `
const { createHash } = require('node:crypto');
const { PORT, HOST, SESSION_TOKEN, STORM_STARTS, UWS_JOB_ID } = process.env;
require('node:fs').appendFileSync(STORM_STARTS + '/' + UWS_JOB_ID, 'started\\n');
const words = 'job ' + UWS_JOB_ID + ' ' + SESSION_TOKEN;
const server = require('node:http').createServer((_, response) => response.end(words));
server.on('upgrade', ({ headers }, socket) => {
  const accept = createHash('sha1').update(headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  socket.write(Buffer.concat([Buffer.from([129, words.length]), Buffer.from(words)]));
  socket.on('data', () => undefined).on('end', () => socket.end()).on('error', () => undefined);
});
server.listen(Number(PORT), HOST);
`;

export default {
  stop_grace_seconds: 1,
  sign_in_link: false,
  available_user_authentication: { portal: { user_authentication_type: 'SharedAccounts' } },
  available_storage: {
    files: { storage_type: 'LocalFileSystemStorage', root_dir: join(shared, 'workspaces') },
  },
  available_resources: {
    here: {
      resource_type: 'SharedRecords',
      parameter_mapping: { num_cpus: 'cpus_per_task', memory_mb: 'memory_per_node', time_limit_minutes: 'time_limit' },
    },
  },
  available_job_types: {
    counting: { job_type: 'CountingJob', environment_details: { here: {} } },
    serving: {
      job_type: 'WebApplicationJob',
      environment_details: {
        here: {
          command: [process.execPath, '-e', serving],
          environment: { STORM_STARTS: starts },
          token_query: 'token',
        },
      },
    },
  },
  adapters: {
    job_types: [countingJob],
    resource_types: {
      SharedRecords: (_entry, { name }) => createLocalResource({ name, recordsDirectory: join(shared, 'launches') }),
    },
    user_authentication_types: {
      SharedAccounts: (_entry, { name }) => ({
        authentication: createLocalAuthentication({ name }),
        accounts:
          process.getuid?.() === 0
            ? createReservedAccounts({ directory: join(shared, 'accounts') })
            : createOwnAccount(),
      }),
    },
  },
};
