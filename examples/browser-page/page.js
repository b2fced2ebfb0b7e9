// A portal's page: the portal signed the user in on its own server and rendered address and token into the page.
import { UserWorkspaces } from '@user-workspaces/client';

const { baseUrl, token } = await (await fetch('portal-session.json')).json();
const client = new UserWorkspaces({ baseUrl, token });
const element = (id) => document.getElementById(id);
const say = (text) => {
  element('status').textContent = text;
};

const names = new Map();
const show = () => {
  const items = [...names.values()].map((text) => Object.assign(document.createElement('li'), { textContent: text }));
  element('workspaces').replaceChildren(...items);
};
const keep = (workspace) => names.set(workspace.id, `${workspace.name} (${workspace.status})`);

const me = await client.me();
for (const workspace of (await client.workspaces.list()).items) keep(workspace);
show();
say(`Signed in as ${me.username}.`);
element('create').disabled = false;

element('create').addEventListener('click', async () => {
  try {
    const workspace = await client.workspaces.create({ name: 'From the portal', description: '' });
    const job = await client.workspaces.start(workspace.id, { job_type: 'terminal' });
    const onProgress = ({ status, current_job_details }) => say(current_job_details.message ?? status);
    const session = await client.jobs.waitUntilReady(job.id, { onProgress });
    element('session').href = session.url;
    element('session').hidden = false;
  } catch (error) {
    say(error.message);
  }
});

for await (const event of client.events.stream({ lastEventId: me.event_id })) {
  if (event.type === 'workspace.changed') keep(event.workspace);
  if (event.type === 'workspace.deleted') names.delete(event.workspace_id);
  show();
}
