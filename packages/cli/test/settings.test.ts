import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { environmentName, settings } from '../src/configuration/settings.js';
import { load, plainUser, refusal } from './load.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'uws-cli-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function file(content: unknown, name = 'config.json'): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('a setting', () => {
  it('has the default without anything set', async () => {
    const { configuration, notices } = await load();
    expect(configuration).toMatchObject({
      host: '127.0.0.1',
      port: 5050,
      data_dir: '/var/lib/user-workspaces',
      accounts: 'reserved',
      first_user: 'user',
      first_user_email: 'user@localhost',
      sign_in_link: true,
      token_lifetime_days: 30,
      main_storage: 'main_storage',
    });
    expect(configuration.available_storage.main_storage).toMatchObject({
      root_dir: '/var/lib/user-workspaces/workspaces',
      allowed_link_roots: [],
    });
    expect(Object.keys(configuration.available_job_types)).toEqual([
      'jupyter_lab',
      'terminal',
      'web_app',
      'local_test_job',
    ]);
    expect(notices).toEqual([]);
  });

  it('knows that the server is not root', async () => {
    const { configuration } = await load({ machine: plainUser });
    expect(configuration).toMatchObject({
      data_dir: '/home/ada/.local/share/user-workspaces',
      accounts: 'own',
      first_user: 'ada',
    });
  });

  it('leaves jupyter_lab out, and says so, where no Jupyter is', async () => {
    const { configuration, notices } = await load({ machine: { ...plainUser, jupyter: undefined } });
    expect(Object.keys(configuration.available_job_types)).toEqual(['terminal', 'web_app', 'local_test_job']);
    expect(notices.map(({ message }) => message).join()).toContain('apt-get install jupyter-notebook');
  });

  it('comes from the command line before the environment, from the environment before the file', async () => {
    const config = await file({ port: 1, host: 'from-file', token_lifetime_days: 7 });
    const { configuration, origins } = await load({
      options: { port: '3' },
      environment: { UWS_CONFIG: config, UWS_PORT: '2', UWS_HOST: 'from-environment' },
    });
    expect(configuration).toMatchObject({ port: 3, host: 'from-environment', token_lifetime_days: 7 });
    expect(origins.get('port')).toEqual({ source: 'option', place: '--port on the command line' });
    expect(origins.get('host')).toEqual({ source: 'environment', place: 'UWS_HOST in the environment' });
    expect(origins.get('token_lifetime_days')).toEqual({ source: 'file', place: `in ${config}` });
    expect(origins.has('public_url')).toBe(false);
  });

  it('counts as unset when its variable is empty', async () => {
    const { configuration } = await load({ environment: { UWS_PORT: '', UWS_CONFIG: '' } });
    expect(configuration.port).toBe(5050);
  });

  it('is a path below the directory of the file, or the working directory', async () => {
    const config = await file({ data_dir: 'data', log_file: './server.log' });
    const { configuration } = await load({ options: { config }, environment: { UWS_LOG_FILE: 'x.log' } });
    expect(configuration.data_dir).toBe(join(directory, 'data'));
    expect(configuration.log_file).toBe('/somewhere/x.log');
  });

  it('is read from the text of a variable', async () => {
    const { configuration } = await load({
      environment: {
        UWS_ALLOWED_LINK_ROOTS: '/data:/srv/more',
        UWS_TRUSTED_PROXIES: '10.0.0.1, ::1, 172.16.0.0/12',
        UWS_OPEN_DIRECTORY: 'yes',
        UWS_PUBLIC_URL: 'https://w.example.org/',
        UWS_PARAMETERS: '[]',
      },
    });
    expect(configuration).toMatchObject({
      trusted_proxies: ['10.0.0.1', '::1', '172.16.0.0/12'],
      open_directory: true,
      public_url: 'https://w.example.org',
      parameters: [],
    });
    expect(configuration.available_storage.main_storage?.allowed_link_roots).toEqual(['/data', '/srv/more']);
  });

  it('every one has a variable, and a wrong value of it is refused by name', async () => {
    for (const key of settings.keys()) {
      // Not one setting takes this.
      const wrong = ['log_file', 'data_dir'].includes(key) ? 'a\u0000b' : '\u0007://?';
      const message = await refusal({ environment: { [environmentName(key)]: wrong } });
      expect(message, key).toMatch(new RegExp(`^${key}(\\.0)? `));
      expect(message, key).toContain(`${environmentName(key)} in the environment`);
      expect(message, key).toMatch(/must be /);
    }
  });
});

describe('a wrong setting', () => {
  const wrong: [string, Record<string, string>, string][] = [
    [
      'a port',
      { UWS_PORT: 'abc' },
      'port must be a whole number from 0 to 65535; it is "abc" (UWS_PORT in the environment).',
    ],
    [
      'a port too high',
      { UWS_PORT: '65536' },
      'port must be a whole number from 0 to 65535; it is 65536 (UWS_PORT in the environment).',
    ],
    [
      'a relative link root',
      { UWS_ALLOWED_LINK_ROOTS: '/a:b' },
      'allowed_link_roots.1 must be an absolute path; it is "b" (UWS_ALLOWED_LINK_ROOTS in the environment).',
    ],
    [
      'a switch',
      { UWS_OPEN_DIRECTORY: 'maybe' },
      'open_directory must be true or false; it is "maybe" (UWS_OPEN_DIRECTORY in the environment).',
    ],
    [
      'a level',
      { UWS_LOG_LEVEL: 'loud' },
      'log_level must be one of "trace", "debug", "info", "warn", "error", "fatal", "silent"; it is "loud" (UWS_LOG_LEVEL in the environment).',
    ],
    [
      'a path in the public address',
      { UWS_PUBLIC_URL: 'https://x.org/uws' },
      'public_url must be an address such as "https://workspaces.example.org": scheme, host and port, without a path; it is "https://x.org/uws" (UWS_PUBLIC_URL in the environment).',
    ],
    [
      'a secret',
      { UWS_CLIENT_TOKEN: 'two words' },
      'client_token must be a text without spaces, best of 32 random characters or more; it is something else (a secret, not shown) (UWS_CLIENT_TOKEN in the environment).',
    ],
    [
      'JSON that is none',
      { UWS_AVAILABLE_STORAGE: '{' },
      'available_storage must be an object with at least one entry; it is "{" (UWS_AVAILABLE_STORAGE in the environment).',
    ],
    [
      'mail without a sender',
      { UWS_SMTP_URL: 'smtp://mail.x.org' },
      'mail_from must be a sender such as "Workspaces <noreply@example.org>" where smtp_url is set; it is absent (by default).',
    ],
  ];
  it.each(wrong)('%s names key, value and what is allowed', async (_what, environment, message) => {
    expect(await refusal({ environment })).toBe(message);
  });

  it('in the file names the file; all of them are told at once', async () => {
    const config = await file({ port: '80', colour: 'blue', token_lifetime_days: 0 });
    const message = await refusal({ environment: { UWS_CONFIG: config } });
    expect(message).toContain(`port must be a whole number from 0 to 65535; it is "80" (in ${config}).`);
    expect(message).toContain('token_lifetime_days must be a whole number of days from 1 to 3650; it is 0');
    expect(message).toMatch(/colour is not a known key \(allowed are host, port, .*\); it is "blue"/);
  });

  it('never shows the password of an address', async () => {
    const message = await refusal({ environment: { UWS_DATABASE_URL: 'oracle://me:hunter2@db/x' } });
    expect(message).toContain('"oracle://me:********@db/x"');
    expect(message).not.toContain('hunter2');
  });

  it('tells of a variable that is no setting', async () => {
    const { notices } = await load({ environment: { UWS_PROT: '1' } });
    expect(notices).toEqual([
      { level: 'warn', message: 'UWS_PROT in the environment is not a setting and has no effect.' },
    ]);
  });
});

describe('the configuration file', () => {
  it('is refused when it is missing, no JSON, or no object', async () => {
    expect(await refusal({ options: { config: 'absent.json' } })).toMatch(
      /\/somewhere\/absent\.json \(UWS_CONFIG\) cannot be read/,
    );
    const broken = await file('{\n  "client_token": "top secret",\n');
    const message = await refusal({ options: { config: broken } });
    expect(message).toMatch(/is not valid JSON/);
    expect(message).not.toContain('top secret');
    expect(await refusal({ options: { config: await file([1]) } })).toContain('it must hold an object');
  });

  it('may be a module that brings adapters', async () => {
    const config = await file(
      `export default {
        port: 8080,
        available_resources: { farm: { resource_type: 'FarmResource', farm_url: 'http://farm' } },
        available_job_types: { odd: { job_type: 'OddJob', environment_details: { farm: { size: 3 } } } },
        adapters: {
          resource_types: { FarmResource: () => { throw new Error('not now'); } },
          job_types: [{ kind: 'OddJob', configure: () => ({ recipe: () => ({}) }) }],
        },
      };`,
      'config.mjs',
    );
    const { configuration, adapters } = await load({ options: { config } });
    expect(configuration).toMatchObject({ port: 8080, main_resource: 'farm' });
    expect(configuration.available_resources.farm).toMatchObject({ farm_url: 'http://farm' });
    expect(Object.keys(adapters.resource_types ?? {})).toEqual(['FarmResource']);
    const wrong = await file('export default { adapters: { resource_types: { A: 1 } } };', 'wrong.mjs');
    expect(await refusal({ options: { config: wrong } })).toContain('adapters in');
    expect(await refusal({ options: { config: await file({ adapters: {} }) } })).toContain('ES module');
  });
});
