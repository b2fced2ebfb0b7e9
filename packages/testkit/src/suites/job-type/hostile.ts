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

/** `job_details` as somebody sends them who wants to run something else. */
export function hostileDetails(): Record<string, unknown>[] {
  return hostileWords.flatMap((word) => [
    ...names.flatMap((name) => [{ [name]: word }, { [name]: [word] }, { [name]: { [word]: word } }]),
    { [word]: word },
    Object.fromEntries(names.map((name) => [name, word])),
    { command: ['program', word] },
    { environment: { PATH: word, LD_PRELOAD: word } },
  ]);
}
