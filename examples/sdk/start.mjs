// The example of the README: signs in, makes a workspace with a file, runs a terminal in it and tells where it is.
import { UserWorkspaces } from '@user-workspaces/client';

const client = new UserWorkspaces({ baseUrl: process.env.UWS_URL ?? 'http://127.0.0.1:5050' });
await client.signIn({
  client_token: process.env.UWS_CLIENT_TOKEN,
  user_info: { username: 'user', email: 'user@localhost' },
});
const workspace = await client.workspaces.create({
  name: 'First steps',
  description: 'Made by the SDK',
  workspace_details: { files: [{ name: 'hello.txt', content: 'Hello!\n' }] },
});
const job = await client.workspaces.start(workspace.id, { job_type: 'terminal' });
const session = await client.jobs.waitUntilReady(job.id, { onProgress: (state) => console.log(state.status) });
console.log(`Open ${session.url}`);
await client.jobs.stop(job.id);
