import type { JobTypeKind, SessionActivity } from '@user-workspaces/contract';
import * as z from 'zod';
import { readConfiguration } from './configuration.js';
import type { TerminalRuntime } from './runtime.js';

const configuration = z.strictObject({});

const answer = z.object({ busy: z.string().nullable(), last_used_ms: z.number().nullable() });

/** Keys and output count; so does a program in the foreground, whether its page is open or not. */
const activity: SessionActivity = {
  traffic: ['sockets'],
  questions: [
    {
      path: '/activity',
      read(value) {
        const { busy, last_used_ms } = answer.parse(value);
        if (busy !== null) return { kind: 'busy', reason: `${busy} runs in a terminal.` };
        return { kind: 'idle', lastUsedAtMs: last_used_ms };
      },
    },
  ],
};

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
        activity,
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
