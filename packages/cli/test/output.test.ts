import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { plain, plainJson } from '../src/administration/table.js';
import { renderCheck, renderCheckJson } from '../src/commands/config-check.js';
import { effectiveSettings } from '../src/configuration/effective.js';
import { masked } from '../src/configuration/secrets.js';
import { settings } from '../src/configuration/settings.js';
import { settingsHelp, settingsTable } from '../src/configuration/settings-text.js';
import { type Announcement, inkFor, plainInk, renderAnnouncement } from '../src/serve/announcement.js';
import { dataFile, load } from './load.js';

describe('the effective configuration', () => {
  it('names the source of every value', async () => {
    const loaded = await load({
      options: { config: dataFile('recorded-config.json'), port: '7' },
      environment: { UWS_HOST: '::1' },
    });
    const rows = new Map(effectiveSettings(loaded).map((row) => [row.key, row]));
    expect(rows.get('port')).toMatchObject({ value: 7, source: 'option' });
    expect(rows.get('host')).toMatchObject({ value: '::1', source: 'environment' });
    expect(rows.get('token_lifetime_days')).toMatchObject({ value: 30, source: 'default' });
    const storage = 'available_storage.main_storage';
    expect(rows.get(`${storage}.root_dir`)).toMatchObject({ value: dataFile('@ROOT@'), source: 'file' });
    expect(rows.get(`${storage}.allowed_link_roots`)).toMatchObject({ value: [], source: 'default' });
    for (const key of settings.keys()) {
      expect(
        [...rows.keys()].some((name) => name === key || name.startsWith(`${key}.`)),
        key,
      ).toBe(true);
    }
    expect(renderCheck(loaded)).toMatch(/^port +7 +--port on the command line$/m);
    expect(JSON.parse(renderCheckJson(loaded))).toMatchObject({ valid: true, file: dataFile('recorded-config.json') });
  });

  it('shows no secret', async () => {
    const loaded = await load({
      environment: {
        UWS_CLIENT_TOKEN: 'portal-token-portal-token',
        UWS_DATABASE_URL: 'postgres://me:hunter2@db/x',
        UWS_SMTP_URL: 'smtps://me:hunter2@mail.x.org',
        UWS_MAIL_FROM: 'me@x.org',
        UWS_AVAILABLE_JOB_TYPES: JSON.stringify({
          yac: {
            job_type: 'YACJob',
            environment_details: {
              main_resource: {
                sif_file_path: '/y.sif',
                jwt_secret_key: 'hunter2',
                backend_url: 'https://a.x.org',
                data_manifest_path: '/m',
              },
            },
          },
        }),
      },
    });
    for (const text of [renderCheck(loaded), renderCheckJson(loaded)]) {
      expect(text).not.toContain('hunter2');
      expect(text).not.toContain('portal-token');
      expect(text).toContain('postgres://me:********@db/x');
    }
  });

  it('masks by the name of the key', () => {
    const details = {
      client_id: 'a',
      client_secret: 'b',
      api_token: 'c',
      token_lifespan: '3600',
      list: [{ password: 'd' }],
    };
    expect(masked('connection_details', details)).toEqual({
      client_id: 'a',
      client_secret: '********',
      api_token: '********',
      token_lifespan: '3600',
      list: [{ password: '********' }],
    });
  });
});

describe('the documentation', () => {
  it('in the README has the table of settings as it is', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    // The formatter aligns tables.
    const bare = (text: string): string => text.replace(/ +\|/g, ' |').replace(/-{3,}/g, '---');
    expect(bare(readme)).toContain(bare(settingsTable()));
  });

  it('in the help names every variable', () => {
    const help = settingsHelp();
    for (const key of settings.keys()) expect(help).toContain(`UWS_${key.toUpperCase()}\n`);
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThan(121);
  });
});

describe('the announcement', () => {
  async function announcement(): Promise<Announcement> {
    const { configuration } = await load();
    return {
      version: '1.2.3',
      publicUrl: 'http://127.0.0.1:5050',
      configuration,
      file: undefined,
      clientToken: { value: 'the-token', origin: 'made' },
      clientTokenFile: '/data/server/client-token',
      signIn: {
        kind: 'link',
        url: 'http://127.0.0.1:5050/#token=uws_x',
        username: 'user',
        expiresAtMs: Date.UTC(2030, 0, 2),
      },
      jobTypes: new Map([['terminal', { name: 'Terminal' }]]),
      resource: {
        capabilities: { extend: true, push: true, limits: { time: 'kept', memory: 'watched', cpu: 'not enforced' } },
      },
      singleUser: false,
    };
  }

  it('tells what a newcomer needs, the client token only when it is new', async () => {
    const given = await announcement();
    const text = renderAnnouncement(given, plainInk);
    for (const part of [
      'http://127.0.0.1:5050/\n',
      'http://127.0.0.1:5050/#token=uws_x\n',
      'until 2030-01-02',
      'the-token',
      '/data/server/client-token',
      '/var/lib/user-workspaces\n',
      'terminal (Terminal)',
      'CPU: not enforced',
      'Ctrl-C stops the server; running jobs go on',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('\u001b');
    const later = renderAnnouncement({ ...given, clientToken: { value: 'the-token', origin: 'kept' } }, plainInk);
    expect(later).not.toContain('the-token');
    expect(later).toContain('kept in /data/server/client-token');
    const configured = { ...given, clientToken: { value: 'the-token', origin: 'configured' } } as const;
    expect(renderAnnouncement(configured, plainInk)).not.toContain('the-token');
  });

  it('is bold in a terminal only', async () => {
    expect(inkFor({ isTTY: true }, {}).bold('x')).toBe('\u001b[1mx\u001b[22m');
    expect(inkFor({ isTTY: true }, { NO_COLOR: '1' }).bold('x')).toBe('x');
    expect(inkFor({}, {}).bold('x')).toBe('x');
  });
});

describe('text of users', () => {
  const name = 'w\u009b31m\u202eevil\u007f\u001b[2J\u2066\u2028 Ünïcode 漢字 👩‍💻\n';

  it('does not steer the terminal in tables', () => {
    expect(plain(name)).toBe('w\ufffd31m\ufffdevil\ufffd\ufffd[2J\ufffd\ufffd Ünïcode 漢字 👩‍💻\ufffd');
  });

  it('does not as JSON, which says the same all the same', () => {
    const text = plainJson({ workspaces: [{ name }] });
    expect(JSON.parse(text)).toEqual({ workspaces: [{ name }] });
    expect([...text].filter((character) => character !== '\n' && plain(character) !== character)).toEqual([]);
    expect(text).toContain('漢字 👩‍💻');
  });
});
