// Every way to name a file, with names that lead elsewhere: in the query in any encoding, in JSON, in forms.
import { readdir, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '../../support/requirements.js';
import {
  holds,
  hookTimeout,
  json,
  lay,
  type Siege,
  serverAccounts,
  type Target,
  textOfArchive,
  waysFor,
} from './siege.js';

describeWith(['python3'], 'hostile paths', () => {
  describe.each(serverAccounts)('with a server as %s', { timeout: 300_000 }, (account) => {
    let siege: Siege;
    let target: Target;
    /** Paths as they are meant; whatever they are asked for, nothing outside may answer. */
    let paths: string[];
    let tried = 0;
    beforeAll(async () => {
      siege = await lay(account);
      target = await siege.workspace();
      const { directory } = siege.outside;
      const up = '../'.repeat(20);
      await symlink(directory, target.at('link'));
      await symlink(join(directory, 'own/f'), target.at('file-link'));
      await symlink('/proc/self', target.at('self'));
      await symlink('/', target.at('d/root'));
      await symlink('../..', target.at('d/up'));
      paths = [
        ...[directory, join(directory, 'own/f'), '/', '//etc/passwd', '/etc/passwd', `${target.location}/d/f`],
        ...['.', '..', '...', '../', './d/f', 'd/./f', 'd/../d/f', 'd//f', 'd/f/', '/d/f', 'd/f/..', 'd/..', 'd/../..'],
        ...[`${up}etc/passwd`, `d/${up}etc/passwd`, `${up}${directory.slice(1)}/f`, `..${directory}/f`],
        ...[
          `..\\..\\etc\\passwd`,
          `C:\\windows`,
          `\\\\host\\share`,
          'd\\f',
          '..\\f',
          '..%2ff',
          '%2e%2e/f',
          '%2e%2e%2ff',
        ],
        ...[
          'd/f\0',
          '\0',
          'd\0/../../f',
          'd/f\0.txt',
          'a\nb/../c',
          '\u202e/../f',
          '．．/f',
          '‥/f',
          '..\u2215f',
          '..\uff0ff',
        ],
        ...['~', '~root', '$HOME', '`id`', '$(id)', '*', '-rf', '.1', '.1/session', '.environments/x'],
        ...[
          'link',
          'link/f',
          'link/own/f',
          'link/s/f',
          'file-link',
          'file-link/',
          'self/root/etc/passwd',
          'self/environ',
        ],
        ...['self/fd/0', 'self/cwd', 'd/root/etc/passwd', 'd/up/f', 'd/up/d/f', 'link/../f', 'link/.', 'file-link/.'],
        ...[
          'x'.repeat(256),
          `${'x'.repeat(255)}/`.repeat(20),
          'y/'.repeat(3000),
          'é'.repeat(128),
          `d/${'x'.repeat(300)}`,
        ],
      ];
    }, hookTimeout);
    afterAll(async () => {
      console.info(`hostile paths as ${account}: ${tried} requests`);
      await siege?.end();
    }, hookTimeout);

    /** Sends, and wants a refusal or something in the workspace; gives the status. */
    const tryIt = async (path: string, init?: RequestInit): Promise<number> => {
      tried += 1;
      return (await siege.send(path, init)).status;
    };
    const refused: unknown = expect.toSatisfy((status: number) => status >= 400 && status < 500);
    const isRefused = (path: string): boolean => /^\/|(^|\/)\.\.?(\/|$)|\/\/|\/$|\0|^$/.test(path);

    test('in the query', async () => {
      for (const [index, path] of paths.entries()) {
        const query = `path=${encodeURIComponent(path)}`;
        const files = `/workspaces/${target.id}/files/`;
        const leads = /^(link|file-link|self|d\/root|d\/up)/.test(path);
        const ways: readonly (readonly [route: string, init?: RequestInit])[] = [
          ['content/'],
          ['content/', { method: 'PUT', body: 'mine' }],
          ['directory/', { method: 'PUT' }],
          [''],
          ['archive/'],
          ...(leads ? [] : [['', { method: 'DELETE' }] as const]),
        ];
        for (const [route, init] of waysFor(index, ways)) {
          const status = await tryIt(`${files}${route}?${query}`, init);
          if (isRefused(path))
            expect([path, route, init?.method, status]).toEqual([path, route, init?.method, refused]);
        }
      }
      await siege.expectUntouched();
    });

    test('in the query, in encodings that a server could decode twice, wrongly or not at all', async () => {
      const { directory } = siege.outside;
      const dots = [
        '%2e%2e',
        '..',
        '%252e%252e',
        '%c0%ae%c0%ae',
        '%e0%80%ae%e0%80%ae',
        '%u002e%u002e',
        '.%00.',
        '%ff',
        '%',
      ];
      const slashes = ['%2f', '/', '%5c', '\\', '%252f', '%c0%af', '%e0%80%af', '%u2215'];
      const ends = ['etc/passwd', `${directory.slice(1)}/f`, `${directory.slice(1)}/s/f`];
      for (const dot of dots) {
        for (const slash of slashes) {
          const end = ends[tried % ends.length] ?? '';
          const raw = `${`${dot}${slash}`.repeat(12)}${end.replaceAll('/', slash)}`;
          expect([raw, await tryIt(`/workspaces/${target.id}/files/content/?path=${raw}`)]).toEqual([raw, refused]);
        }
      }
      for (const query of [
        'path=d/f&path=../f',
        'path[]=../f',
        'path[0]=../f',
        'PATH=../f',
        'path',
        'path=',
        'path=%',
      ]) {
        expect(await tryIt(`/workspaces/${target.id}/files/content/?${query}`)).toBeGreaterThanOrEqual(400);
      }
      await siege.expectUntouched();
    });

    test('in JSON: files, links, their targets, uploads and new names', async () => {
      await siege.send(`/workspaces/${target.id}/files/content/?path=from`, { method: 'PUT', body: 'mine' });
      const workspace = `/workspaces/${target.id}/`;
      const names = [...paths, '\ud800', 'd/\udfff', 'a\ud800/../f'];
      for (const [index, path] of names.entries()) {
        const update = (workspace_details: unknown): Promise<number> =>
          tryIt(workspace, json('PUT', { workspace_details }));
        const rename = (from: string, to: string): Promise<number> =>
          tryIt(`${workspace}files/rename/`, json('PUT', { from, to }));
        const ways: readonly (() => Promise<number>)[] = [
          () => update({ files: [{ name: path, content: 'mine' }] }),
          () => update({ symlinks: [{ name: path, source_path: siege.dataSets }] }),
          () => update({ symlinks: [{ name: 'new-link', source_path: path }] }),
          () => tryIt(`${workspace}uploads/`, json('POST', { path, size_bytes: 1 })),
          async () => {
            const status = await rename(path, 'to');
            await siege.send(`${workspace}files/?path=to`, { method: 'DELETE' });
            return status;
          },
          async () => {
            const status = await rename('from', path);
            await siege.send(`${workspace}files/content/?path=from`, { method: 'PUT', body: 'mine' });
            return status;
          },
        ];
        for (const way of waysFor(index, ways)) {
          const status = await way();
          if (isRefused(path)) expect([path, String(way), status]).toEqual([path, String(way), refused]);
        }
      }
      await siege.expectUntouched();
    });

    test('in the file names of forms', async () => {
      for (const [index, path] of paths.filter((name) => name.length < 2000).entries()) {
        for (const parameter of waysFor(index, [
          `filename="${path.replace(/["\n\0]/g, '')}"`,
          `filename*=UTF-8''${encodeURIComponent(path)}`,
          `filename="${encodeURIComponent(path)}"`,
        ])) {
          const body = `--b\r\nContent-Disposition: form-data; name="file"; ${parameter}\r\n\r\nmine\r\n--b--\r\n`;
          await tryIt(`/workspaces/${target.id}/upload/`, {
            method: 'PUT',
            headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
            body,
          });
        }
      }
      await siege.expectUntouched();
    });

    test('in the path of the address', async () => {
      const { directory } = siege.outside;
      for (const raw of [
        `/workspaces/${target.id}%2f..%2f..${directory}/files/`,
        `/workspaces/..%2f..%2fetc%2fpasswd/files/`,
        `/workspaces/${target.id}/files/content/..%2f..%2f..%2fetc%2fpasswd`,
        `/workspaces/${target.id}e0/files/`,
        `/workspaces/0x1/files/`,
        `/workspaces/-1/files/`,
        `/workspaces/${'9'.repeat(30)}/files/`,
        `/workspaces/${target.id}/uploads/..%2f..%2f..%2ff/?offset=0`,
        `/workspaces/${target.id}/uploads/${'A'.repeat(32)}/?offset=0`,
        `/jobs/..%2f..%2fetc/logs/`,
        `/app/..%2f..%2f..%2fetc%2fpasswd`,
        `/..%2f..%2f..%2fetc%2fpasswd`,
      ]) {
        for (const method of ['GET', 'PUT', 'DELETE']) {
          const status = await tryIt(raw, { method, ...(method === 'PUT' && { body: 'mine' }) });
          expect([method, raw, status >= 400]).toEqual([method, raw, true]);
        }
      }
      await siege.expectUntouched();
    });

    test('to what only a program can make: pipes, sockets, odd bytes, loops, depth', async () => {
      const special = await siege.workspace();
      await siege.during(special, ['special', special.at('d')], async () => undefined);
      const names = await readdir(special.at('d'));
      expect(names).toEqual(expect.arrayContaining(['pipe', 'socket', 'new\nline', 'loop-a', 'closed', 'deep']));
      for (const name of [
        ...names,
        'closed/inner',
        'here/f',
        'proc-root/etc/passwd',
        `deep/${'d/'.repeat(300)}bottom`,
      ]) {
        const query = `path=${encodeURIComponent(`d/${name}`)}`;
        for (const route of ['content/', '', 'archive/']) {
          const status = await tryIt(`/workspaces/${special.id}/files/${route}?${query}`);
          if (/^(pipe|socket|loop|here|proc)/.test(name)) expect([name, route, status]).toEqual([name, route, refused]);
        }
      }
      const archive = await siege.send(`/workspaces/${special.id}/files/archive/?format=tar.gz`);
      expect(archive.status).toBe(200);
      const content = textOfArchive(archive.bytes);
      expect(content).not.toContain(siege.outside.canary);
      // Whole, with all that the server may read, and a word on the rest.
      expect(content).toContain('d/deep/d/d/d');
      if (account === 'a plain user') {
        expect(content).toContain('d/closed: this directory cannot be read.');
        expect(content).toContain('d/listed: this directory cannot be read.');
        expect(content).toContain('d/unreadable: ');
      }
      // Of the server's environment, which a link leads to.
      expect(textOfArchive(archive.bytes)).not.toContain(siege.server.clientToken);
      const copy = await siege.copyFor(siege.ben, special);
      expect(await readdir(copy.at('d'))).toEqual(expect.arrayContaining(['closed', 'deep', 'new\nline']));
      expect(await holds(copy.location, siege.outside.canary)).toBe(false);
      await siege.ben.client.shares.accept(copy.id);
      await siege.ada.client.workspaces.delete(special.id);
      for (let waited = 0; (await siege.row(special.id)) && waited < 600; waited += 1) await delay(50);
      await expect(stat(special.location)).rejects.toMatchObject({ code: 'ENOENT' });
      await siege.expectUntouched();
    });
  });
});
