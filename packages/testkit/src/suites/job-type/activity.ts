import assert from 'node:assert/strict';
import type { SessionUse } from '@user-workspaces/contract';
import type { Guarantee } from '../../guarantee.js';
import { oddValues } from './hostile.js';
import { configured, deeplyFrozen, shown } from './recipes.js';
import type { JobTypeCapability, JobTypeWorld } from './world.js';

export const activityGuarantees: readonly Guarantee<JobTypeWorld, JobTypeCapability>[] = [
  {
    id: 'activity.well-formed',
    promise:
      'What counts as use is traffic of kinds that there are, and questions are asked below the base path of the session alone.',
    trial:
      'The kinds of traffic, and the paths of the questions, are looked at; one without `activity` counts all traffic.',
    check: async (world) => {
      const { activity } = configured(world);
      if (activity === undefined) return;
      for (const kind of activity.traffic) {
        assert.ok(['reads', 'writes', 'sockets'].includes(kind), `There is no traffic of the kind "${kind}".`);
      }
      const paths = (activity.questions ?? []).map(({ path }) => path);
      for (const path of paths) assert.ok(staysBelow(path), `The question "${path}" is not asked below the base path.`);
      assert.equal(new Set(paths).size, paths.length, 'A question is asked twice.');
      const isSeen = activity.traffic.length > 0 || paths.length > 0;
      assert.ok(isSeen, 'No traffic counts and nothing is asked: a session would end under its user.');
    },
  },
  {
    id: 'activity.read',
    promise:
      '`read` tells the use from what the application answers; of anything else it throws, or tells a use of the contract.',
    trial:
      'The answers that the author names, and those and others with odd and hostile values at every depth, all frozen.',
    check: async (world) => {
      const questions = configured(world).activity?.questions ?? [];
      for (const { path, read } of questions) {
        const answers = (world.answers ?? []).filter((answer) => answer.path === path);
        assert.ok(answers.length > 0, `The world has no \`answers\` to the question ${path}.`);
        for (const { answer, use } of answers) {
          const what = `What ${path} answers, ${shown(answer)},`;
          for (let time = 0; time < 2; time++) {
            const found = readUnlessRefused(read, deeplyFrozen(structuredClone(answer)));
            assert.ok(found, `${what} is not understood: read threw.`);
            assert.deepEqual(found, use, `${what} is read otherwise.`);
          }
        }
        const odd = [...oddValues(), ...answers.flatMap(({ answer }) => alteredAnswers(answer))];
        for (const answer of odd) {
          const use = readUnlessRefused(read, deeplyFrozen(structuredClone(answer)));
          if (use !== undefined) assertUse(use, `What is read from ${shown(answer)} at ${path}`);
        }
      }
    },
  },
];

/** Whether a path leads to where it seems to, and not up or to another host. */
function staysBelow(path: string): boolean {
  if (!/^\/(?!\/)[^\s?#\\]*$/.test(path) || /%(2e|2f|5c|00)/i.test(path)) return false;
  return URL.canParse(path, 'http://session.example') && new URL(path, 'http://session.example').pathname === path;
}

/** What is thrown makes the session count as used. */
function readUnlessRefused(read: (answer: unknown) => SessionUse, answer: unknown): SessionUse | undefined {
  try {
    return read(answer);
  } catch {
    return undefined;
  }
}

function assertUse(use: SessionUse, what: string): void {
  assert.ok(typeof use === 'object' && use !== null, `${what} is no use, but ${String(use)}.`);
  if (use.kind === 'busy') {
    assert.ok(typeof use.reason === 'string' && use.reason.trim() !== '', `${what} is busy without a reason.`);
  } else {
    assert.equal(use.kind, 'idle', `${what} is neither busy nor idle.`);
    const { lastUsedAtMs } = use;
    const isTime = lastUsedAtMs === null || (typeof lastUsedAtMs === 'number' && Number.isFinite(lastUsedAtMs));
    assert.ok(isTime, `${what} was last used at ${String(lastUsedAtMs)}.`);
  }
}

/** An answer with each value in it odd in each way, and each left out. */
function alteredAnswers(answer: unknown): unknown[] {
  if (typeof answer !== 'object' || answer === null) return [];
  const odd = [...oddValues(), '2999-99-99T99:99:99Z', '1e999', '$(touch x)\r\n\u0000'];
  return Object.entries(answer).flatMap(([key, value]: [string, unknown]) => {
    const copies = [...odd, ...alteredAnswers(value)].map((other) => withEntry(answer, key, other));
    const without = Array.isArray(answer)
      ? answer.filter((_, index) => String(index) !== key)
      : Object.fromEntries(Object.entries(answer).filter(([name]) => name !== key));
    return [...copies, without];
  });
}

function withEntry(holder: object, key: string, value: unknown): unknown {
  const copy: object = Array.isArray(holder) ? [...holder] : { ...holder };
  Reflect.set(copy, key, value);
  return copy;
}
