import { createHmac } from 'node:crypto';
import type { JobTypeKind } from '@user-workspaces/contract';
import * as z from 'zod';
import { absolutePath, line, oldTimeLimit, readConfiguration } from './configuration.js';
import { script, sessionScript } from './script.js';

/** What readers of `.env` files take as it stands: nothing that quotes, expands, comments or ends a line. */
const plainValue = line().regex(
  /^[^\s'"`\\$#]+$/,
  'must not hold spaces, quotes, backslashes, "$" or "#", which mean something in an .env file',
);

const configuration = z.strictObject({
  sif_file_path: absolutePath(),
  backend_url: plainValue,
  data_manifest_path: plainValue,
  jwt_secret_key: z.string('must be a text').min(1, 'must not be empty'),
  time_limit: oldTimeLimit.optional(),
});

const tokenLifeSeconds = 6 * 60 * 60;
const startFile = script('yac.sh', 'start.sh');

/**
 * A YAC image run by Apptainer, with a fresh `build` directory on `/app/dist` and its settings on `/app/.env`.
 *
 * The secret key stays in the server: the job gets a token signed with it, in a file of mode 0600, good for six hours from the launch.
 */
export const yacJob: JobTypeKind = {
  kind: 'YACJob',
  configure(details, where) {
    const settings = readConfiguration(configuration, details, where);
    return {
      recipe: ({ nowMs, basePath }) => ({
        command: ['/bin/sh', '{job_directory}/start.sh'],
        files: [
          startFile,
          sessionScript,
          {
            name: '.env',
            mode: 0o600,
            content: [
              `VITE_LLM_API_BASE_URL=${settings.backend_url}`,
              'VITE_LLM_API_PORT=443',
              `VITE_DATA_PACKAGE_PATH=${settings.data_manifest_path}`,
              'VITE_PRODUCTION=true',
              `VITE_AUTH_TOKEN=${signedToken(settings.jwt_secret_key, Math.floor(nowMs / 1000))}`,
              '',
            ].join('\n'),
          },
        ],
        environment: { UWS_BASE_PATH: basePath, UWS_SIF_FILE: settings.sif_file_path },
        session: { basePath: 'strip', readiness: { path: '/', statuses: [200, 200] }, query: {} },
      }),
    };
  },
};

/** A JSON Web Token (RFC 7519), HS256, with `iat` and `exp`. */
function signedToken(key: string, issuedAtSeconds: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iat: issuedAtSeconds, exp: issuedAtSeconds + tokenLifeSeconds };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}
