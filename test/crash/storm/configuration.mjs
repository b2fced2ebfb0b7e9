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
  available_job_types: { counting: { job_type: 'CountingJob', environment_details: { here: {} } } },
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
