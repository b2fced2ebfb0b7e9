import type { JobTypeKind } from '@user-workspaces/contract';
import * as z from 'zod';
import { readConfiguration } from './configuration.js';
import type { TerminalRuntime } from './runtime.js';

const configuration = z.strictObject({});

/**
 * A shell in the browser, in the workspace, needing nothing but Node.
 *
 * Only who knows the session's token gets a shell; it is in the address and in the program's environment, never in its arguments.
 *
 * @param runtime Where the program is, readable by the accounts that jobs run as: {@link installTerminalRuntime}.
 */
export function createTerminalJob(runtime: TerminalRuntime): JobTypeKind {
  return {
    kind: 'TerminalJob',
    configure(details, where) {
      readConfiguration(configuration, details, where);
      return {
        recipe: ({ sessionToken }) => ({
          command: [runtime.node, runtime.terminalProgram],
          files: [],
          environment: { SESSION_TOKEN: sessionToken },
          session: {
            basePath: 'strip',
            readiness: { path: '/ready', statuses: [200, 200] },
            query: { token: sessionToken },
          },
        }),
      };
    },
  };
}
