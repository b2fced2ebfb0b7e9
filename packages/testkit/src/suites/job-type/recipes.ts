import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { AdapterError, type JobRecipe, type JobRequest, type JobType } from '@user-workspaces/contract';
import { hostileDetails, mark } from './hostile.js';
import type { Details, JobTypeWorld } from './world.js';

export const where = 'available_job_types.tried.environment_details.here';
export const sessionToken = 'T0ken-'.padEnd(43, 'x');

/** What the resource sets; a recipe that set it would be in its way. */
const variablesOfResource = [
  'UWS_JOB_ID',
  'UWS_WORKSPACE',
  'UWS_JOB_DIRECTORY',
  'UWS_HOST',
  'UWS_PORT',
  'UWS_LISTEN',
  'UWS_SECRET',
  'UWS_REPORT',
];
/** What these hold is run, or says what is. */
const variablesThatRun =
  /^(PATH|ENV|BASH_ENV|SHELL|SHELLOPTS|IFS|PROMPT_COMMAND|EDITOR|VISUAL|PAGER|PYTHON(STARTUP|PATH|HOME|INSPECT)|NODE_(OPTIONS|PATH)|PERL5?(OPT|LIB|DB)|RUBY(OPT|LIB)|JAVA_TOOL_OPTIONS|GIT_\w+|(APPTAINER|SINGULARITY)\w*|LD_\w+|GCONV_PATH)$/;
const interpreters = /^((ba|da|z|k|c|tc|fi)?sh|python[\d.]*|node|perl|ruby|php|R|Rscript|env|xargs)$/;

export const requestWith = (jobDetails: Details): JobRequest => ({
  jobId: 7,
  jobDetails,
  workspacePath: '/data/ada/3',
  username: 'ada',
  nowMs: 1_700_000_000_999,
  sessionToken,
  basePath: '/passthrough/{host}/7',
});

/** A request that is right. */
export const requestOf = ({ rightDetails }: JobTypeWorld): JobRequest => requestWith(rightDetails[0]);

/** All requests that are right. */
export const requestsOf = ({ rightDetails }: JobTypeWorld): JobRequest[] => rightDetails.map(requestWith);

export const configured = ({ kind, details }: JobTypeWorld): JobType => kind.configure(details, where);

/** The recipe, or `undefined` where the request is refused as it should be: as `invalid`, with the field. */
export function recipeUnlessRefused(type: JobType, asked: JobRequest): JobRecipe | undefined {
  try {
    return type.recipe(asked);
  } catch (error) {
    const what = `recipe threw ${String(error)} for ${shown(asked.jobDetails)}`;
    assert.ok(AdapterError.is(error, 'invalid'), `${what} instead of an AdapterError of kind "invalid".`);
    assert.match(error.field ?? '', /^job_details\b/, `${what} without the field of job_details that is at fault.`);
    return undefined;
  }
}

export const shown = (details: unknown): string => (JSON.stringify(details) ?? 'undefined').slice(0, 200);

/** Calls with the recipe of every hostile request that is not refused. */
export function forHostileRequests(
  world: JobTypeWorld,
  look: (recipe: JobRecipe, jobDetails: Details, what: string) => void,
): void {
  const type = configured(world);
  for (const jobDetails of hostileDetails(type, requestOf(world), world.rightDetails)) {
    const recipe = recipeUnlessRefused(type, requestWith(jobDetails));
    if (!recipe) continue;
    const what = `With job_details ${shown(jobDetails)}`;
    look(recipe, jobDetails, what);
    assertData(recipe, [mark], what);
  }
}

/** Asserts that words of a request are in no program and no name, and in no variable that runs something. */
export function assertData(recipe: JobRecipe, words: readonly string[], what: string): void {
  for (const word of words) {
    for (const file of programsOf(recipe)) {
      assert.ok(!file.content.includes(word), `${what}: ${JSON.stringify(word)} is in the program ${file.name}.`);
    }
    for (const name of [...recipe.files.map((file) => file.name), ...Object.keys(recipe.environment)]) {
      assert.ok(
        !name.includes(word),
        `${what}: ${JSON.stringify(word)} is in the name of a file or variable, ${name}.`,
      );
    }
    for (const [name, value] of Object.entries(recipe.environment)) {
      if (!value.includes(word)) continue;
      const told = `${what}: ${JSON.stringify(word)} is in the variable ${name}`;
      assert.ok(!variablesThatRun.test(name), `${told}, which says what is run.`);
      assert.ok(!variablesOfResource.includes(name), `${told}, which is the resource's.`);
    }
  }
}

/** Files that are read as programs: executable, with an interpreter's line, or named by the command. */
function programsOf({ command, files }: JobRecipe): JobRecipe['files'] {
  return files.filter(
    ({ name, mode, content }) =>
      (mode & 0o111) !== 0 || content.startsWith('#!') || command.some((word) => word.endsWith(`/${name}`)),
  );
}

/** Asserts that words of a request stand in the command only as whole arguments that were asked for, and as options and programs only from a list of arguments. */
export function assertWholeArguments({ command }: JobRecipe, jobDetails: Details, what: string): void {
  const [single, listed] = textsOf(jobDetails);
  for (const [index, word] of command.entries()) {
    if (!word.includes(mark)) continue;
    const told = `${what}: ${JSON.stringify(word)} is in the command`;
    assert.ok(single.has(word) || listed.has(word), `${told}, but was not asked for as it stands.`);
    const before = command[index - 1] ?? '';
    const isCode = before === '-c' || (/^(-e|--eval|-p|-r|-m)$/.test(before) && command.some(isInterpreter));
    assert.ok(!isCode, `${told} after ${before}: it is read as a program.`);
    if (listed.has(word)) continue;
    assert.ok(index > 0, `${told} as the program.`);
    const isOption = word.startsWith('-') && !command.slice(0, index).includes('--');
    assert.ok(!isOption, `${told} as an option: put "--" before what is no option, or a path before it.`);
  }
}

const isInterpreter = (word: string): boolean => interpreters.test(basename(word));

/** The texts of a request at every depth: those that stand alone, and those in lists. */
function textsOf(value: unknown): [single: ReadonlySet<string>, listed: ReadonlySet<string>] {
  const [single, listed] = [new Set<string>(), new Set<string>()];
  const look = (each: unknown, into: Set<string>): void => {
    if (typeof each === 'string') into.add(each);
    else if (Array.isArray(each)) for (const element of each) look(element, listed);
    else if (typeof each === 'object' && each !== null)
      for (const element of Object.values(each)) look(element, single);
  };
  look(value, single);
  return [single, listed];
}

/** Asserts that the operating system takes these texts. */
export function assertNoNul({ command, files, environment }: JobRecipe, what: string): void {
  const texts = [...command, ...Object.values(environment), ...files.map(({ content }) => content)];
  for (const text of texts) assert.ok(!text.includes('\0'), `${what}: there is a NUL character in the recipe.`);
}

/** Asserts that every resource can launch this. */
export function assertWellFormed(recipe: JobRecipe, what: string): void {
  const { command, files, environment } = recipe;
  assert.ok(command[0] !== '' && !command[0].startsWith('-'), `${what}: the program is empty or an option.`);
  assertNoNul(recipe, what);
  for (const { name, mode } of files) {
    assert.match(name, /^[^/\0]{1,255}$/, `${what}: "${name}" is not a plain file name.`);
    assert.ok(!['.', '..', 'session', 'session.new'].includes(name), `${what}: a file must not be named "${name}".`);
    assert.ok(Number.isInteger(mode) && mode > 0 && mode <= 0o777, `${what}: the mode of ${name} is ${mode}.`);
    assert.equal(mode & 0o022, 0, `${what}: others may write to ${name}.`);
  }
  assert.equal(new Set(files.map(({ name }) => name)).size, files.length, `${what}: two files have the same name.`);
  for (const name of Object.keys(environment)) {
    assert.match(name, /^[A-Za-z_][A-Za-z0-9_]*$/, `${what}: "${name}" is not the name of a variable.`);
    assert.ok(!variablesOfResource.includes(name), `${what}: ${name} is set by the resource.`);
  }
}

export function deeplyFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) deeplyFrozen(each);
    Object.freeze(value);
  }
  return value;
}
