import type { JobTypeKind } from '@user-workspaces/contract';
import * as z from 'zod';
import { oldTimeLimit, readConfiguration } from './configuration.js';
import { script } from './script.js';

const configuration = z.strictObject({ time_limit: oldTimeLimit.optional() });
const startFile = script('local-test.sh', 'start.sh');

/** Writes `Hello World` to `LocalTest_<job id>_output.log` in the job directory and ends after ten seconds; serves no session. */
export const localTestJob: JobTypeKind = {
  kind: 'LocalTestJob',
  configure(details, where) {
    readConfiguration(configuration, details, where);
    return {
      recipe: () => ({ command: ['/bin/sh', '{job_directory}/start.sh'], files: [startFile], environment: {} }),
    };
  },
};
