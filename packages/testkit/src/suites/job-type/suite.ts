import assert from 'node:assert/strict';
import { AdapterError, type JobRecipe, type JobRequest, type JobType } from '@user-workspaces/contract';
import { refused } from '../../expectation.js';
import { withJumpingClock } from '../../faults/clock.js';
import type { Guarantee, Suite } from '../../guarantee.js';
import { hostileDetails, hostileWords, mark } from './hostile.js';
import type { JobTypeCapability, JobTypeWorld } from './world.js';

type JobTypeGuarantee = Guarantee<JobTypeWorld, JobTypeCapability>;

const where = 'available_job_types.tried.environment_details.here';
const sessionToken = 'T0ken-'.padEnd(43, 'x');
const request: JobRequest = {
  jobId: 7,
  jobDetails: {},
  workspacePath: '/data/ada/3',
  username: 'ada',
  nowMs: 1_700_000_000_999,
  sessionToken,
  basePath: '/passthrough/{host}/7',
};
/** What the resource sets; a recipe that set it would be in its way. */
const variablesOfResource = [
  'UWS_JOB_ID',
  'UWS_WORKSPACE',
  'UWS_JOB_DIRECTORY',
  'UWS_HOST',
  'UWS_PORT',
  'UWS_SECRET',
  'UWS_REPORT',
];

const configured = ({ kind, details }: JobTypeWorld): JobType => kind.configure(details, where);

/** The recipe, or `undefined` where the request is refused as it should be: as `invalid`, with the field. */
function recipeUnlessRefused(type: JobType, asked: JobRequest): JobRecipe | undefined {
  try {
    return type.recipe(asked);
  } catch (error) {
    const what = `recipe threw ${String(error)} for ${JSON.stringify(asked.jobDetails).slice(0, 200)}`;
    assert.ok(AdapterError.is(error, 'invalid'), `${what} instead of an AdapterError of kind "invalid".`);
    assert.match(error.field ?? '', /^job_details\b/, `${what} without the field of job_details that is at fault.`);
    return undefined;
  }
}

/** Files that are read as programs: executable, with an interpreter's line, or named by the command. */
function programsOf({ command, files }: JobRecipe): JobRecipe['files'] {
  return files.filter(
    ({ name, mode, content }) =>
      (mode & 0o111) !== 0 || content.startsWith('#!') || command.some((word) => word.endsWith(`/${name}`)),
  );
}

function assertData(recipe: JobRecipe, words: readonly string[]): void {
  for (const word of words) {
    for (const file of programsOf(recipe)) {
      assert.ok(!file.content.includes(word), `${JSON.stringify(word)} of the request is in the program ${file.name}.`);
    }
    for (const name of [...recipe.files.map((file) => file.name), ...Object.keys(recipe.environment)]) {
      assert.ok(!name.includes(word), `${JSON.stringify(word)} of the request is the name of a file or variable.`);
    }
  }
}

const guarantees: readonly JobTypeGuarantee[] = [
  {
    id: 'configure.kind',
    promise: 'A kind has the word by which the configuration names it, and accepts a right configuration.',
    trial: 'The kind is configured, and a recipe asked for.',
    check: async (world) => {
      assert.match(world.kind.kind, /^[A-Za-z][A-Za-z0-9]*$/, 'The kind is no plain word.');
      assert.ok(configured(world).recipe(request).command[0], 'The recipe has no program.');
    },
  },
  {
    id: 'configure.misconfigured',
    promise: 'A wrong configuration is `misconfigured`; the error names the key and says what is allowed.',
    trial: 'The configurations that the author calls wrong.',
    check: async ({ kind, mistakes }) => {
      for (const { details, key } of mistakes) {
        const what = `configure with a wrong "${key}"`;
        const error = await refused(() => kind.configure(details, where), 'misconfigured', what);
        assert.equal(error.field, `${where}.${key}`, `${what} names another key.`);
        assert.ok(error.message.includes(`${where}.${key}`), `${what} does not say so: ${error.message}`);
      }
    },
  },
  {
    id: 'configure.wrong-types',
    promise: 'A configuration is accepted or `misconfigured`; nothing else is thrown, whatever is in it.',
    trial: 'Each value is replaced by one of another type, and each is left out.',
    check: async ({ kind, details }) => {
      for (const key of Object.keys(details)) {
        for (const value of [undefined, null, 7, Number.NaN, '', 'a\0b', [], [[]], { odd: true }, true]) {
          const wrong = { ...details, [key]: value };
          try {
            kind.configure(wrong, where).recipe(request);
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
      const recipe = configured(world).recipe(request);
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
      const type = configured(world);
      const first = structuredClone(type.recipe(request));
      assert.deepEqual(type.recipe(request), first, 'The second recipe differs.');
      type.recipe({ ...request, jobId: 8, username: 'bob', workspacePath: '/data/bob/4', nowMs: request.nowMs + 1 });
      assert.deepEqual(type.recipe(request), first, 'Another request has changed the recipe.');
      assert.deepEqual(configured(world).recipe(request), first, 'A new instance makes another recipe.');
      await withJumpingClock(async (clock) => {
        clock.jump(3_600_000);
        assert.deepEqual(type.recipe(request), first, 'The recipe depends on the clock instead of the request.');
      });
    },
  },
  {
    id: 'recipe.pure',
    promise: 'A recipe is made at once and changes nothing of what it is given.',
    trial: 'Configuration and request are frozen, with all that is in them.',
    check: async ({ kind, details }) => {
      const frozen = { ...request, jobDetails: { name: 'x', list: [1, { a: 2 }] } };
      const recipe: object | undefined = recipeUnlessRefused(
        kind.configure(deeplyFrozen(structuredClone(details)), where),
        deeplyFrozen(frozen),
      );
      assert.ok(!recipe || !('then' in recipe), 'The recipe is a promise.');
    },
  },
  {
    id: 'recipe.details-are-data',
    promise: 'Nothing in `job_details` becomes a program, an option or shell syntax.',
    trial:
      'Shell syntax, options and paths under names such as `command`, `args`, `environment`, `script` and `image`.',
    check: async (world) => {
      const type = configured(world);
      for (const jobDetails of hostileDetails()) {
        const recipe = recipeUnlessRefused(type, { ...request, jobDetails });
        if (!recipe) continue;
        for (const word of recipe.command) {
          assert.ok(!word.includes(mark), `${JSON.stringify(word)} of job_details stands in the command.`);
        }
        assertData(recipe, [mark]);
      }
    },
    without: {
      capability: 'fixed_command',
      trial:
        'The same: it stands in the command only as whole arguments that were asked for, and in no program or name.',
      check: async (world) => {
        const type = configured(world);
        for (const jobDetails of hostileDetails()) {
          const recipe = recipeUnlessRefused(type, { ...request, jobDetails });
          if (!recipe) continue;
          const asked = new Set(Array.isArray(jobDetails.command) ? jobDetails.command : []);
          for (const [index, word] of recipe.command.entries()) {
            if (!word.includes(mark)) continue;
            assert.ok(
              asked.has(word),
              `${JSON.stringify(word)} is in the command, but was not asked for as it stands.`,
            );
            assert.notEqual(recipe.command[index - 1], '-c', 'A word of the request is read by a shell.');
          }
          assertData(recipe, [mark]);
        }
      },
    },
  },
  {
    id: 'recipe.user-is-data',
    promise: 'A user name with shell syntax in it becomes neither program nor shell syntax.',
    trial: 'User names such as `a$(touch hit)`.',
    check: async (world) => {
      const type = configured(world);
      for (const word of hostileWords) {
        const recipe = type.recipe({ ...request, username: `a${word}` });
        assert.ok(!recipe.command[0].includes(word), 'The program holds a part of the user name.');
        assertData(recipe, [word]);
      }
    },
  },
  {
    id: 'recipe.odd-details',
    promise: 'Whatever `job_details` holds, a recipe is made or the request is `invalid`, with the field.',
    trial: 'Names of the prototype, wrong types, depth, a hundred thousand characters.',
    check: async (world) => {
      const type = configured(world);
      let deep: unknown = 'bottom';
      for (let level = 0; level < 1000; level++) deep = { deep };
      const values = [null, 7, -1, true, '', 'x'.repeat(100_000), [], [null], {}, deep, '\ud800', 'a\0b'];
      const names = ['command', 'name', 'environment', 'constructor', 'hasOwnProperty', '__proto__', 'toString'];
      for (const name of names) {
        for (const value of values) {
          // Not by assignment: `__proto__` shall be a property, as in a body that was sent.
          const jobDetails = Object.fromEntries([[name, value]]);
          recipeUnlessRefused(type, { ...request, jobDetails });
        }
      }
    },
  },
  {
    id: 'recipe.invalid',
    promise: '`job_details` that cannot be accepted are `invalid`, with the field that is at fault.',
    trial: 'The requests that the author calls wrong.',
    check: async (world) => {
      const type = configured(world);
      for (const { jobDetails, field } of world.refused ?? []) {
        const what = `recipe for ${JSON.stringify(jobDetails).slice(0, 100)}`;
        const error = await refused(() => type.recipe({ ...request, jobDetails }), 'invalid', what);
        assert.equal(error.field, field, `${what} names another field.`);
      }
    },
  },
  {
    id: 'recipe.well-formed',
    promise: 'A recipe is one that every resource can launch.',
    trial: 'Program, arguments, names and modes of files, and names of variables are looked at.',
    check: async (world) => {
      const { command, files, environment } = configured(world).recipe(request);
      assert.ok(command[0] !== '' && !command[0].startsWith('-'), 'The program is empty or an option.');
      const texts = [...command, ...Object.values(environment), ...files.map(({ content }) => content)];
      for (const text of texts) assert.ok(!text.includes('\0'), 'There is a NUL character in the recipe.');
      for (const { name, mode } of files) {
        assert.match(name, /^[^/\0]{1,255}$/, `"${name}" is not a plain file name.`);
        assert.ok(!['.', '..', 'session', 'session.new'].includes(name), `A file must not be named "${name}".`);
        assert.ok(Number.isInteger(mode) && mode > 0 && mode <= 0o777, `The mode of ${name} is ${mode}.`);
        assert.equal(mode & 0o022, 0, `Others may write to ${name}.`);
      }
      assert.equal(new Set(files.map(({ name }) => name)).size, files.length, 'Two files have the same name.');
      for (const name of Object.keys(environment)) {
        assert.match(name, /^[A-Za-z_][A-Za-z0-9_]*$/, `"${name}" is not the name of a variable.`);
        assert.ok(!variablesOfResource.includes(name), `${name} is set by the resource.`);
      }
    },
  },
  {
    id: 'recipe.token',
    promise: "The session's token stands in no command line and in no file that others may read.",
    trial: 'The token is looked for in the recipe.',
    check: async (world) => {
      const { command, files } = configured(world).recipe(request);
      const readable = files.filter(({ mode }) => (mode & 0o044) !== 0).map(({ content }) => content);
      for (const text of [...command, ...readable]) assert.ok(!text.includes(sessionToken), 'The token can be read.');
    },
  },
  {
    id: 'session.well-formed',
    promise: 'A session says how it is reached and when it is ready.',
    trial: 'Base path, readiness and query of the session are looked at.',
    check: async (world) => {
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
    },
    without: {
      capability: 'session',
      trial: 'The recipe has no session.',
      check: async (world) => assert.equal(configured(world).recipe(request).session, undefined),
    },
  },
  {
    id: 'session.base-path',
    promise: 'An application that is asked for the path as the browser sees it is told its base path.',
    trial: 'The base path is looked for in environment, files and command, where `basePath` is `keep`.',
    check: async (world) => {
      const { session, command, environment, files } = configured(world).recipe(request);
      if (session?.basePath === 'keep') {
        const texts = [...command, ...Object.values(environment), ...files.map(({ content }) => content)];
        assert.ok(
          texts.some((text) => text.includes(request.basePath)),
          'The program is not told its base path.',
        );
      } else assert.equal(session?.basePath, 'strip');
    },
    without: {
      capability: 'session',
      trial: 'The recipe has no session.',
      check: async (world) => assert.equal(configured(world).recipe(request).session, undefined),
    },
  },
];

function deeplyFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) deeplyFrozen(each);
    Object.freeze(value);
  }
  return value;
}

/** Every promise of `JobTypeKind` and `JobType`. Nothing is started. */
export const jobTypeSuite: Suite<JobTypeWorld, JobTypeCapability> = {
  contract: 'JobType',
  capabilities: {
    fixed_command: 'The command comes from the configuration alone, not from the request.',
    session: 'The job serves a session.',
  },
  guarantees,
};
