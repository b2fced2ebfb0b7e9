import type { JobTypeKind } from '@user-workspaces/contract';
import * as z from 'zod';
import { absolutePath, oldTimeLimit, readConfiguration } from './configuration.js';
import { script, sessionScript } from './script.js';

const configuration = z.strictObject({ sif_file_path: absolutePath(), time_limit: oldTimeLimit.optional() });
const startFile = script('appyter.sh', 'start.sh');

/**
 * An Appyter image run by Apptainer over the workspace (`APPYTER_DATA_DIR`); ready when its port answers.
 *
 * Where sessions have a base path, it is told to the image as `APPYTER_PREFIX`.
 */
export const appyterJob: JobTypeKind = {
  kind: 'AppyterJob',
  configure(details, where) {
    const { sif_file_path } = readConfiguration(configuration, details, where);
    return {
      recipe: ({ basePath }) => ({
        command: ['/bin/sh', '{job_directory}/start.sh'],
        files: [startFile, sessionScript],
        environment: { UWS_BASE_PATH: basePath, UWS_SIF_FILE: sif_file_path },
        session: { basePath: 'keep', query: {} },
      }),
    };
  },
};
