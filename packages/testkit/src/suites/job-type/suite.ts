import assert from 'node:assert/strict';
import { AdapterError } from '@user-workspaces/contract';
import { refused } from '../../expectation.js';
import { withJumpingClock } from '../../faults/clock.js';
import type { Guarantee, Suite } from '../../guarantee.js';
import { activityGuarantees } from './activity.js';
import { hostileDetails, hostileWords, mark, oddDetails, oddValues } from './hostile.js';
import {
  assertData,
  assertNoNul,
  assertWellFormed,
  assertWholeArguments,
  configured,
  deeplyFrozen,
  forHostileRequests,
  recipeUnlessRefused,
  requestOf,
  requestsOf,
  requestWith,
  sessionToken,
  shown,
  where,
} from './recipes.js';
import type { JobTypeCapability, JobTypeWorld } from './world.js';

type JobTypeGuarantee = Guarantee<JobTypeWorld, JobTypeCapability>;

const guarantees: readonly JobTypeGuarantee[] = [
  {
    id: 'configure.kind',
    promise:
      'A kind has the word by which the configuration names it, and accepts a right configuration and right requests.',
    trial: 'The kind is configured, and a recipe asked for with each right request.',
    check: async (world) => {
      assert.match(world.kind.kind, /^[A-Za-z][A-Za-z0-9]*$/, 'The kind is no plain word.');
      assert.ok(world.rightDetails.length > 0, 'The world names no `rightDetails`; give `[{}]` if it reads none.');
      for (const request of requestsOf(world)) {
        const what = `The right request ${shown(request.jobDetails)} of the world`;
        assert.ok(
          recipeUnlessRefused(configured(world), request)?.command[0],
          `${what} gives no recipe with a program.`,
        );
      }
    },
  },
  {
    id: 'configure.misconfigured',
    promise: 'A wrong configuration is `misconfigured`; the error names the key and says what is allowed.',
    trial: 'The configurations that the author calls wrong.',
    check: async ({ kind, mistakes }) => {
      const without = 'declare the difference `configuration` if there is nothing that can be wrong.';
      assert.ok(mistakes.length > 0, `The world names no \`mistakes\`; ${without}`);
      for (const { details, key } of mistakes) {
        const what = `configure with a wrong "${key}"`;
        const error = await refused(() => kind.configure(details, where), 'misconfigured', what);
        assert.equal(error.field, `${where}.${key}`, `${what} names another key.`);
        assert.ok(error.message.includes(`${where}.${key}`), `${what} does not say so: ${error.message}`);
      }
    },
    without: {
      capability: 'configuration',
      trial: 'Whatever is configured is accepted, and changes nothing.',
      check: async (world) => {
        const recipe = configured(world).recipe(requestOf(world));
        for (const value of oddValues()) {
          const odd = world.kind.configure({ ...world.details, odd: value }, where).recipe(requestOf(world));
          assert.deepEqual(odd, recipe, `The configuration changes the recipe: ${shown(value)}`);
        }
      },
    },
  },
  {
    id: 'configure.wrong-types',
    promise: 'A configuration is accepted or `misconfigured`; nothing else is thrown, whatever is in it.',
    trial: 'Each value is replaced by one of another type, and each is left out.',
    check: async (world) => {
      const { kind, details } = world;
      for (const key of Object.keys(details)) {
        for (const value of [undefined, null, 7, Number.NaN, '', 'a\0b', [], [[]], { odd: true }, true]) {
          const wrong = { ...details, [key]: value };
          try {
            kind.configure(wrong, where).recipe(requestOf(world));
          } catch (error) {
            const what = `configure threw ${String(error)} for ${key} = ${JSON.stringify(value)}`;
            assert.ok(AdapterError.is(error, 'misconfigured'), `${what} instead of "misconfigured".`);
            assert.ok(error.field?.startsWith(where), `${what} without the key.`);
          }
        }
      }
    },
  },
  {
    id: 'configure.secrets',
    promise: "The operator's secrets are in no error and in nothing that others on the machine can read.",
    trial: 'Each secret is replaced by a value of another type, and looked for in the error and in the recipe.',
    check: async (world) => {
      const { kind, details, secretKeys = [] } = world;
      const recipe = configured(world).recipe(requestOf(world));
      for (const key of secretKeys) {
        const secret = details[key];
        assert.ok(typeof secret === 'string' && secret !== '', `The world gives no text for the secret ${key}.`);
        const readable = recipe.files.filter(({ mode }) => (mode & 0o044) !== 0).map(({ content }) => content);
        for (const text of [...recipe.command, ...readable]) assert.ok(!text.includes(secret), `${key} can be read.`);
        const details2 = { ...details, [key]: [4242, secret] };
        const what = `configure with a wrong ${key}`;
        const error = await refused(() => kind.configure(details2, where), 'misconfigured', what);
        assert.ok(!error.message.includes('4242') && !error.message.includes(secret), `${what} shows it.`);
      }
    },
  },
  {
    id: 'recipe.same',
    promise: 'The same request gives the same recipe, also after a restart, and in another hour.',
    trial: 'A recipe is asked for five times: again, after another request, by a new instance, and with a moved clock.',
    check: async (world) => {
      for (const request of requestsOf(world)) {
        const type = configured(world);
        const first = structuredClone(type.recipe(request));
        assert.deepEqual(type.recipe(request), first, 'The second recipe differs.');
        type.recipe({ ...request, jobId: 8, username: 'bob', workspacePath: '/data/bob/4', nowMs: request.nowMs + 1 });
        for (const other of requestsOf(world)) type.recipe(other);
        assert.deepEqual(type.recipe(request), first, 'Another request has changed the recipe.');
        assert.deepEqual(configured(world).recipe(request), first, 'A new instance makes another recipe.');
        await withJumpingClock(async (clock) => {
          clock.jump(3_600_000);
          assert.deepEqual(type.recipe(request), first, 'The recipe depends on the clock instead of the request.');
        });
      }
    },
  },
  {
    id: 'recipe.pure',
    promise: 'A recipe is made at once and changes nothing of what it is given.',
    trial: 'Configuration and right requests are frozen, with all that is in them.',
    check: async (world) => {
      const type = world.kind.configure(deeplyFrozen(structuredClone(world.details)), where);
      for (const right of world.rightDetails) {
        for (const jobDetails of [right, { ...right, name: 'x', list: [1, { a: 2 }] }]) {
          const recipe: object | undefined = recipeUnlessRefused(
            type,
            deeplyFrozen(structuredClone(requestWith(jobDetails))),
          );
          assert.ok(!recipe || !('then' in recipe), 'The recipe is a promise.');
        }
      }
    },
  },
  {
    id: 'recipe.details-are-data',
    promise: 'Nothing in `job_details` becomes a program, an option or shell syntax.',
    trial:
      'Shell syntax, options and paths in every field of right requests, at every depth, in every other field that is read, and under names such as `command`, `args`, `environment`, `script` and `image`: none is in the command, a program, the name of a file or variable, or a variable such as `PATH`.',
    check: async (world) => {
      forHostileRequests(world, (recipe, _, what) => {
        for (const word of recipe.command) {
          assert.ok(!word.includes(mark), `${what}: ${JSON.stringify(word)} stands in the command.`);
        }
      });
    },
    without: {
      capability: 'fixed_command',
      trial:
        'The same: it stands in the command only as whole arguments that were asked for, as options only behind `--` or in a list of arguments, and in no program or name.',
      check: async (world) => forHostileRequests(world, assertWholeArguments),
    },
  },
  {
    id: 'recipe.user-is-data',
    promise: 'A user name with shell syntax in it becomes neither program nor shell syntax.',
    trial: 'User names such as `a$(touch hit)`.',
    check: async (world) => {
      const type = configured(world);
      for (const word of hostileWords) {
        const recipe = type.recipe({ ...requestOf(world), username: `a${word}` });
        assert.ok(!recipe.command[0].includes(word), 'The program holds a part of the user name.');
        assertData(recipe, [word], 'With such a user name');
      }
    },
  },
  {
    id: 'recipe.odd-details',
    promise:
      'Whatever `job_details` holds, a recipe without NUL characters is made or the request is `invalid`, with the field.',
    trial:
      'Names of the prototype, wrong types, depth, a hundred thousand characters, alone and in each field of right requests.',
    check: async (world) => {
      const type = configured(world);
      for (const jobDetails of oddDetails(world.rightDetails)) {
        const recipe = recipeUnlessRefused(type, requestWith(jobDetails));
        if (recipe) assertNoNul(recipe, `With job_details ${shown(jobDetails)}`);
      }
    },
  },
  {
    id: 'recipe.invalid',
    promise: '`job_details` that cannot be accepted are `invalid`, with the field that is at fault.',
    trial: 'The requests that the author calls wrong.',
    check: async (world) => {
      const type = configured(world);
      const { refused: wrong = [] } = world;
      assert.ok(
        wrong.length > 0,
        'The world names no `refused`; declare the difference `refuses_details` if nothing is refused.',
      );
      for (const { jobDetails, field } of wrong) {
        const what = `recipe for ${shown(jobDetails)}`;
        const error = await refused(() => type.recipe(requestWith(jobDetails)), 'invalid', what);
        assert.equal(error.field, field, `${what} names another field.`);
      }
    },
    without: {
      capability: 'refuses_details',
      trial: 'Hostile and odd `job_details` are all accepted.',
      check: async (world) => {
        const type = configured(world);
        const { rightDetails } = world;
        for (const jobDetails of [
          ...hostileDetails(type, requestOf(world), rightDetails),
          ...oddDetails(rightDetails),
        ]) {
          const recipe = recipeUnlessRefused(type, requestWith(jobDetails));
          assert.ok(recipe, `${shown(jobDetails)} is refused: name it in \`refused\` of the world.`);
        }
      },
    },
  },
  {
    id: 'recipe.well-formed',
    promise: 'A recipe is one that every resource can launch.',
    trial:
      'Program, arguments, names and modes of files, and names of variables are looked at, for each right request.',
    check: async (world) => {
      for (const request of requestsOf(world)) {
        assertWellFormed(configured(world).recipe(request), `With job_details ${shown(request.jobDetails)}`);
      }
    },
  },
  {
    id: 'recipe.token',
    promise: "The session's token stands in no command line and in no file that others may read.",
    trial: 'The token is looked for in the recipe of each right request.',
    check: async (world) => {
      for (const request of requestsOf(world)) {
        const { command, files } = configured(world).recipe(request);
        const readable = files.filter(({ mode }) => (mode & 0o044) !== 0).map(({ content }) => content);
        for (const text of [...command, ...readable]) assert.ok(!text.includes(sessionToken), 'The token can be read.');
      }
    },
  },
  {
    id: 'session.well-formed',
    promise: 'A session says how it is reached and when it is ready.',
    trial: 'Base path, readiness and query of the session are looked at, for each right request.',
    check: async (world) => {
      for (const request of requestsOf(world)) {
        const { session } = configured(world).recipe(request);
        assert.ok(session, 'The recipe has no session; declare the difference `session` if the job serves none.');
        assert.ok(['keep', 'strip'].includes(session.basePath), `basePath is "${session.basePath}".`);
        if (session.readiness) {
          const { path, statuses } = session.readiness;
          assert.match(path, /^\/[^\s?#]*$/, `"${path}" is not a path below the base path.`);
          const [from, to] = statuses;
          assert.ok(from >= 100 && to <= 599 && from <= to, `${from} to ${to} are no statuses.`);
        }
        for (const value of Object.values(session.query)) assert.equal(typeof value, 'string');
      }
    },
    without: { capability: 'session', trial: 'The recipe has no session.', check: hasNoSession },
  },
  {
    id: 'session.base-path',
    promise: 'An application that is asked for the path as the browser sees it is told its base path.',
    trial: 'The base path is looked for in environment, files and command, where `basePath` is `keep`.',
    check: async (world) => {
      for (const request of requestsOf(world)) {
        const { session, command, environment, files } = configured(world).recipe(request);
        if (session?.basePath === 'keep') {
          const texts = [...command, ...Object.values(environment), ...files.map(({ content }) => content)];
          const isTold = texts.some((text) => text.includes(request.basePath));
          assert.ok(isTold, 'The program is not told its base path.');
        } else assert.equal(session?.basePath, 'strip');
      }
    },
    without: { capability: 'session', trial: 'The recipe has no session.', check: hasNoSession },
  },
  ...activityGuarantees,
];

async function hasNoSession(world: JobTypeWorld): Promise<void> {
  for (const request of requestsOf(world)) assert.equal(configured(world).recipe(request).session, undefined);
}

/** Every promise of `JobTypeKind` and `JobType`. Nothing is started. */
export const jobTypeSuite: Suite<JobTypeWorld, JobTypeCapability> = {
  contract: 'JobType',
  capabilities: {
    fixed_command: 'The command comes from the configuration alone, not from the request.',
    session: 'The job serves a session.',
    configuration: 'Its configuration can be wrong.',
    refuses_details: 'Some `job_details` are refused.',
  },
  guarantees,
};
