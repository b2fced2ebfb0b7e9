import { AdapterError, type JobTypeKind } from '@user-workspaces/contract';

/** The program that the job runs: a web page that greets, on the port that it is given. */
const program = `
const { writeFileSync, renameSync } = require('node:fs');
const { UWS_PORT, UWS_SECRET, UWS_REPORT, GREETING } = process.env;
const server = require('node:http').createServer((request, response) => response.end(GREETING + '\\n'));
server.listen(Number(UWS_PORT ?? 0), '127.0.0.1', () => {
  writeFileSync(UWS_REPORT + '.new', [UWS_SECRET, server.address().port, '/'].join(' ') + '\\n');
  renameSync(UWS_REPORT + '.new', UWS_REPORT);
});
`;

/** A job type of one's own: a configuration key becomes a recipe. What the user sends is passed on as data, never as code. */
export const greetingJob: JobTypeKind = {
  kind: 'GreetingJob',
  configure(details, where) {
    const { greeting } = details;
    if (typeof greeting !== 'string') {
      throw new AdapterError('misconfigured', `${where}.greeting is ${JSON.stringify(greeting)}; a text is needed.`, {
        field: `${where}.greeting`,
      });
    }
    return {
      recipe: ({ username }) => ({
        command: [process.execPath, '{job_directory}/greet.cjs'],
        files: [{ name: 'greet.cjs', content: program, mode: 0o644 }],
        environment: { GREETING: `${greeting}, ${username}!` },
        session: { basePath: 'strip', readiness: { path: '/', statuses: [200, 200] }, query: {} },
      }),
    };
  },
};
