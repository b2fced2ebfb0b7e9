// A program of the user's swaps directories and files of the workspace for links to the outside, in one step of the kernel and as fast as it
// can, while the server works there.
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
  raceTimeoutMs,
  rounds,
  type Siege,
  seed,
  serverAccounts,
  type Target,
  textOfArchive,
} from './siege.js';

describeWith(['python3'], 'races for files', () => {
  describe.each(serverAccounts)('with a server as %s', (account) => {
    let siege: Siege;
    /** Where the links lead: to what the server could read and change if it followed them. */
    let exit: string;
    beforeAll(async () => {
      siege = await lay(account);
      exit = account === 'root' ? siege.outside.directory : join(siege.outside.directory, 'own');
    }, hookTimeout);
    afterAll(() => siege?.end(), hookTimeout);

    /** Puts a link next to each name, and gives the attacker's task: to exchange them. */
    async function exchange(target: Target): Promise<string[]> {
      const pairs = [
        [target.at('d'), target.at('.d'), exit],
        [target.at('d/f'), target.at('d/.f'), join(exit, 'f')],
        [target.at('d/s'), target.at('d/.s'), join(exit, 's')],
        [target.at('top'), target.at('.top'), join(exit, 'f')],
      ] as const;
      for (const [, aside, to] of pairs) await symlink(to, aside);
      return ['exchange', ...pairs.flatMap((pair) => pair.slice(0, 2))];
    }

    type Operation = (target: Target, round: number) => Promise<{ status: number; bytes: Buffer }>;
    const files = (id: number, route: string, path: string): string =>
      `/workspaces/${id}/files/${route}?path=${encodeURIComponent(path)}`;
    const put = (body: string, headers: Record<string, string> = {}): RequestInit => ({ method: 'PUT', body, headers });

    const operations: Readonly<Record<string, Operation>> = {
      write: ({ id }, round) => siege.send(files(id, 'content/', 'd/f'), put(`mine ${round}`)),
      'write a new file': ({ id }, round) =>
        siege.send(files(id, 'content/', `d/s/n${round}`), put('mine', { 'If-None-Match': '*' })),
      'write below new directories': ({ id }, round) =>
        siege.send(files(id, 'content/', `d/n${round}/a/b`), put('mine')),
      read: ({ id }) => siege.send(files(id, 'content/', 'd/f')),
      'read a range': ({ id }) => siege.send(files(id, 'content/', 'd/s/f'), { headers: { Range: 'bytes=0-' } }),
      list: ({ id }, round) => siege.send(files(id, '', round % 2 ? 'd' : 'd/s')),
      'archive as zip': async ({ id }) => {
        const answer = await siege.send(`${files(id, 'archive/', 'd')}&format=zip`);
        expect(textOfArchive(answer.bytes)).not.toContain(siege.outside.canary);
        return answer;
      },
      'archive as tar.gz': async ({ id }) => {
        const answer = await siege.send(`/workspaces/${id}/files/archive/?format=tar.gz`);
        expect(textOfArchive(answer.bytes)).not.toContain(siege.outside.canary);
        return answer;
      },
      'make directories': ({ id }, round) => siege.send(files(id, 'directory/', `d/s/m${round}/x`), { method: 'PUT' }),
      rename: async ({ id }, round) => {
        await siege.send(files(id, 'content/', 'd/from'), put('x'));
        return siege.send(`/workspaces/${id}/files/rename/`, json('PUT', { from: 'd/from', to: `d/s/to${round}` }));
      },
      'rename directories': async ({ id }, round) => {
        await siege.send(files(id, 'directory/', `from${round}/x`), { method: 'PUT' });
        return siege.send(
          `/workspaces/${id}/files/rename/`,
          json('PUT', { from: `from${round}`, to: `d/s/dir${round}` }),
        );
      },
      delete: async ({ id }, round) => {
        await siege.send(files(id, 'content/', 'd/s/f'), put('x'));
        return siege.send(files(id, '', ['d/s/f', 'd/f', 'd/s'][round % 3] ?? ''), { method: 'DELETE' });
      },
      'upload in chunks': async ({ id }) => {
        const begun = await siege.send(`/workspaces/${id}/uploads/`, json('POST', { path: 'd/s/up', size_bytes: 4 }));
        const upload = /"id":"([0-9a-f]{32})"/.exec(begun.text)?.[1];
        if (upload === undefined) return begun;
        const first = await siege.send(`/workspaces/${id}/uploads/${upload}/?offset=0`, put('mi'));
        return first.status === 200 ? siege.send(`/workspaces/${id}/uploads/${upload}/?offset=2`, put('ne')) : first;
      },
      'upload a form': ({ id }) => {
        const body = new FormData();
        body.set('file', new Blob(['mine']), 'top');
        return siege.send(`/workspaces/${id}/upload/`, { method: 'PUT', body });
      },
      update: ({ id }, round) =>
        siege.send(
          `/workspaces/${id}/`,
          json('PUT', {
            workspace_details: {
              files: [{ name: round % 2 ? 'd/f' : 'top', content: 'mine' }],
              symlinks: [{ name: `d/s/set${round}`, source_path: siege.dataSets }],
            },
          }),
        ),
    };

    test('no request leaves the workspace', { timeout: raceTimeoutMs }, async () => {
      const tried: Record<string, { done: number; refused: number }> = {};
      for (const [name, operation] of Object.entries(operations)) {
        const target = await siege.workspace();
        await siege.send(files(target.id, 'content/', 'top'), put('mine'));
        const count = { done: 0, refused: 0 };
        tried[name] = count;
        // What never works would prove nothing. (Its number keeps its names apart from those of the rounds.)
        expect([name, (await operation(target, -3)).status]).toEqual([
          name,
          expect.toSatisfy((status) => status < 300),
        ]);
        await siege.during(target, await exchange(target), async () => {
          for (let round = 0; round < rounds; round += 1) {
            const { status } = await operation(target, round);
            if (status < 300) count.done += 1;
            else count.refused += 1;
          }
        });
        await siege.expectUntouched();
        // Nothing in the workspace was given to anybody else.
        for (const entry of await readdir(target.location)) {
          const { uid } = await stat(target.at(entry)).catch(() => target);
          if (!entry.startsWith('.') && entry !== 'd' && entry !== 'top')
            expect([entry, uid]).toEqual([entry, target.uid]);
        }
      }
      console.info(`races as ${account}, seed ${seed}, ${rounds} rounds each:`, JSON.stringify(tried));
      // Both states were met.
      expect(Object.values(tried).reduce((sum, { done }) => sum + done, 0)).toBeGreaterThan(rounds);
      expect(Object.values(tried).reduce((sum, { refused }) => sum + refused, 0)).toBeGreaterThan(rounds);
    });

    test('a copy holds nothing from outside, wherever the links are', { timeout: raceTimeoutMs }, async () => {
      for (let round = 0; round < rounds / 4; round += 1) {
        const target = await siege.workspace();
        await siege.during(target, await exchange(target), async () => {
          const copy = await siege.copyFor(siege.ben, target);
          expect(await holds(copy.location, siege.outside.canary)).toBe(false);
        });
        await siege.expectUntouched();
      }
    });

    test('a deleted workspace takes nothing else along', { timeout: raceTimeoutMs }, async () => {
      for (let round = 0; round < rounds / 4; round += 1) {
        const target = await siege.workspace();
        await siege.during(target, await exchange(target), async () => {
          await siege.ada.client.workspaces.delete(target.id);
          for (let waited = 0; (await siege.row(target.id)) && waited < 600; waited += 1) await delay(20);
        });
        expect(await siege.row(target.id)).toBeUndefined();
        await expect(stat(target.location)).rejects.toMatchObject({ code: 'ENOENT' });
        await siege.expectUntouched();
      }
    });
  });
});
