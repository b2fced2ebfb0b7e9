import type { JobRequest, JobType } from '@user-workspaces/contract';
import type { Details } from './world.js';

/** Stands in every hostile word, so that what has become of it can be found. */
export const mark = 'h1t-m4rk';

/** Words that mean something to a shell, to a program's options, or to a file system. */
export const hostileWords: readonly string[] = [
  `$(touch ${mark})`,
  `\`touch ${mark}\``,
  `; touch ${mark}; #`,
  `' ; touch ${mark} ; '`,
  `" ; touch ${mark} ; "`,
  `\ntouch ${mark}\n`,
  `--${mark}`,
  `-o${mark}`,
  `../../${mark}`,
  `/${mark}`,
  `\${${mark}}`,
  `%s${mark}`,
];

/** Names that job types use; those of the one that is tried come from its right requests, and from what it reads. */
const names = [
  'command',
  'cmd',
  'program',
  'args',
  'arguments',
  'script',
  'image',
  'sif_file_path',
  'environment',
  'environment_name',
  'env',
  'name',
  'path',
  'notebook',
  'port',
  'module_manager',
  'modules',
  'python_version',
  'python_packages',
  'readiness_path',
  'request_job_details',
];

/** `job_details` as somebody sends them who wants to run something else: right requests with hostile words in every field. */
export function hostileDetails(type: JobType, base: JobRequest, rightDetails: readonly Details[]): Details[] {
  return rightDetails.flatMap((right) => {
    const paths = [...pathsIn(right), ...pathsRead(type, { ...base, jobDetails: right })];
    return hostileWords.flatMap((word) => [
      ...paths.flatMap((path) => inPlace(right, path, word)),
      replacedEverywhere(right, word),
      ...names.flatMap((name) => [
        { ...right, [name]: word },
        { ...right, [name]: [word] },
        { ...right, [name]: { [word]: word } },
      ]),
      { ...right, [word]: word },
      { ...right, ...Object.fromEntries(names.map((name) => [name, word])) },
      { ...right, command: ['program', word] },
      { ...right, environment: { PATH: word, LD_PRELOAD: word, UWS_SECRET: word } },
    ]);
  });
}

type Path = readonly string[];

/** Where something stands, at every depth. */
function pathsIn(value: unknown, at: Path = []): Path[] {
  const here = at.length > 0 ? [at] : [];
  if (typeof value !== 'object' || value === null) return here;
  return [...here, ...Object.entries(value).flatMap(([key, each]) => pathsIn(each, [...at, key]))];
}

/** What a job type looks for in a request, whether it is there or not: the author may have forgotten a field. */
function pathsRead(type: JobType, request: JobRequest): Path[] {
  const read = new Map<string, Path>();
  const watched = <T extends object>(value: T, at: Path): T => {
    const note = (key: string | symbol): void => {
      if (typeof key === 'symbol' || Array.isArray(value) || key in Object.prototype || Object.hasOwn(value, key))
        return;
      read.set(JSON.stringify([...at, key]), [...at, key]);
    };
    return new Proxy(value, {
      get(target, key) {
        note(key);
        const found: unknown = Reflect.get(target, key);
        return typeof found === 'object' && found !== null ? watched(found, [...at, String(key)]) : found;
      },
      has(target, key) {
        note(key);
        return Reflect.has(target, key);
      },
    });
  };
  try {
    type.recipe({ ...request, jobDetails: watched(structuredClone(request.jobDetails), []) });
  } catch {
    // One that copies the request first cannot do so with this; its fields are those of the right requests.
  }
  return [...read.values()];
}

/** A request with the word at a path: alone, behind and before what is there, and in a list or an object. */
function inPlace(right: Details, path: Path, word: string): Details[] {
  const present = path.reduce<unknown>((value, key) => (isObject(value) ? Reflect.get(value, key) : undefined), right);
  const values: unknown[] = [word, [word], { [word]: word }];
  if (typeof present === 'string') values.push(`${present}${word}`, `${word}${present}`);
  if (Array.isArray(present)) values.push([...present, word], [word, ...present]);
  else if (isObject(present)) values.push({ ...present, [word]: word });
  return values.map((value) => withAt(right, path, value));
}

function withAt(details: Details, path: Path, value: unknown): Details {
  const copy = structuredClone(details);
  const [last = '', ...holders] = path.toReversed();
  const holder = holders
    .toReversed()
    .reduce<unknown>((each, key) => (isObject(each) ? Reflect.get(each, key) : each), copy);
  if (isObject(holder)) Reflect.set(holder, last, value);
  return copy;
}

function replacedEverywhere(details: Details, word: string): Details {
  const replaced = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(replaced);
    if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each)]));
    return word;
  };
  return Object.fromEntries(Object.entries(details).map(([key, value]) => [key, replaced(value)]));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Values that a program may forget, and names of the prototype. */
export function oddValues(): unknown[] {
  let deep: unknown = 'bottom';
  for (let level = 0; level < 1000; level++) deep = { deep };
  return [null, 7, -1, Number.MAX_VALUE, true, '', 'x'.repeat(100_000), [], [null], {}, deep, '\ud800', 'a\0b'];
}

/** Right requests, and empty ones, with each field odd in each way. */
export function oddDetails(rightDetails: readonly Details[]): Details[] {
  const known = ['command', 'name', 'environment', 'constructor', 'hasOwnProperty', '__proto__', 'toString'];
  return [{}, ...rightDetails].flatMap((right) => [
    ...[...known, ...Object.keys(right)].flatMap((name) =>
      // Not by assignment: `__proto__` shall be a property, as in a body that was sent.
      oddValues().map((value) => Object.fromEntries([...Object.entries(right), [name, value]])),
    ),
    ...pathsIn(right).flatMap((path) => oddValues().map((value) => withAt(right, path, value))),
  ]);
}
