// A stand-in for the cluster, in memory, and for the machine's clock and its starts: no test can start the machine anew.
import { afterEach, expect, test, vi } from 'vitest';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { openInMemory } from './cluster-in-memory.js';

const machine = vi.hoisted(() => ({ bootId: 'first', uptimeMs: 1_000_000 }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>();
  const readFile: typeof original.readFile = Object.assign(async (...words: Parameters<typeof original.readFile>) => {
    if (words[0] === '/proc/uptime') return `${machine.uptimeMs / 1000} 0.00\n`;
    if (words[0] === '/proc/sys/kernel/random/boot_id') return `${machine.bootId}\n`;
    return original.readFile(...words);
  });
  return { ...original, readFile };
});

afterEach(() => {
  Object.assign(machine, { bootId: 'first', uptimeMs: 1_000_000 });
});

test.each([
  'started anew',
  'another',
])('a job deaf to TERM is killed when its grace is over on a machine that is %s', async (what) => {
  const { transport, resource, world } = await openInMemory();
  const specification = specificationOf(world, 'true');
  await resource.launch(specification);
  const stop = () => resource.stop(referenceTo(specification), 10_000);
  await stop();
  machine.uptimeMs += 5000;
  await stop();
  expect(transport.sent).toEqual(['TERM 1']);
  machine.bootId = 'second';
  machine.uptimeMs = what === 'another' ? 9_000_000 : 20_000;
  await stop();
  // The grace begins again, with no second TERM.
  expect(transport.sent).toEqual(['TERM 1']);
  machine.uptimeMs += 9000;
  await stop();
  expect(transport.sent).toEqual(['TERM 1']);
  machine.uptimeMs += 1000;
  await stop();
  expect(transport.sent).toEqual(['TERM 1', 'KILL 1']);
  transport.change(1, { state: 'CANCELLED', endedAtMs: Date.now() });
  const end = await observe(resource, specification);
  expect(end).toMatchObject({ kind: 'ended', cause: 'stopped' });
  expect(end).not.toHaveProperty('reason');
});

test('a machine on which the first stop was asked for counts from it, whatever others asked for meanwhile', async () => {
  const { transport, resource, world } = await openInMemory();
  const specification = specificationOf(world, 'true');
  await resource.launch(specification);
  const stop = () => resource.stop(referenceTo(specification), 10_000);
  await stop();
  Object.assign(machine, { bootId: 'second', uptimeMs: 20_000 });
  await stop();
  Object.assign(machine, { bootId: 'first', uptimeMs: 1_010_000 });
  await stop();
  expect(transport.sent).toEqual(['TERM 1', 'KILL 1']);
});
