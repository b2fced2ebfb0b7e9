/** A request that only a mistaken client makes, and the error that it gets. */
export interface Mistake {
  readonly what: string;
  readonly method: string;
  /** `{workspace}`, `{job}`, `{copy}`: the caller's own; `{other}`: another user's workspace. */
  readonly path: string;
  /** JSON, or text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly code: string;
  readonly field?: string;
}

const details = (workspace_details: unknown): object => ({ name: 'n', description: 'd', workspace_details });
const start = '/workspaces/{workspace}/start/';

/** Wrong types in a body. */
const types: readonly Mistake[] = [
  ['a number for the name', { name: 7, description: 'd' }, 'name'],
  ['a list for the name', { name: ['n'], description: 'd' }, 'name'],
  ['null for the name', { name: null, description: 'd' }, 'name'],
  ['a number for the description', { name: 'n', description: 7 }, 'description'],
  ['an object for the description', { name: 'n', description: {} }, 'description'],
  ['a number for the default job type', { name: 'n', description: 'd', default_job_type: 7 }, 'default_job_type'],
  ['a text for the details', details('text'), 'workspace_details'],
  ['a list for the details', details([]), 'workspace_details'],
  ['a text for the files', details({ files: 'a.txt' }), 'workspace_details.files'],
  ['a text for a file', details({ files: ['a.txt'] }), 'workspace_details.files[0]'],
  ['null for a file', details({ files: [null] }), 'workspace_details.files[0]'],
  [
    'a number for the name of a file',
    details({ files: [{ name: 7, content: '' }] }),
    'workspace_details.files[0].name',
  ],
  [
    'a number for the content of a file',
    details({ files: [{ name: 'a', content: 7 }] }),
    'workspace_details.files[0].content',
  ],
  ['a text for the links', details({ symlinks: 'a' }), 'workspace_details.symlinks'],
  ['a number for a link', details({ symlinks: [7] }), 'workspace_details.symlinks[0]'],
  [
    'a number for the target of a link',
    details({ symlinks: [{ name: 'a', source_path: 7 }] }),
    'workspace_details.symlinks[0].source_path',
  ],
].map(([what, body, field]) => ({
  what: String(what),
  method: 'POST',
  path: '/workspaces/',
  body,
  status: 400,
  code: 'invalid_field',
  field: String(field),
}));

const absent: readonly Mistake[] = [
  {
    what: 'no name for a file',
    method: 'POST',
    path: '/workspaces/',
    body: details({ files: [{ content: '' }] }),
    status: 400,
    code: 'missing_field',
    field: 'workspace_details.files[0].name',
  },
  {
    what: 'no target for a link',
    method: 'POST',
    path: '/workspaces/',
    body: details({ symlinks: [{ name: 'a' }] }),
    status: 400,
    code: 'missing_field',
    field: 'workspace_details.symlinks[0].source_path',
  },
  {
    what: 'no name',
    method: 'POST',
    path: '/workspaces/',
    body: { description: 'd' },
    status: 400,
    code: 'missing_field',
    field: 'name',
  },
  { what: 'no body', method: 'POST', path: '/workspaces/', status: 400, code: 'missing_field', field: 'name' },
  {
    what: 'no receivers of a share',
    method: 'POST',
    path: '/shared_workspaces/',
    body: { original_workspace_id: 1 },
    status: 400,
    code: 'missing_field',
    field: 'shared_user_ids',
  },
];

/** "A name over 64 characters", and other names that cannot be. */
const names: readonly Mistake[] = [
  {
    what: 'a name over 64 characters',
    method: 'POST',
    path: '/workspaces/',
    body: { name: 'x'.repeat(65), description: 'd' },
    status: 400,
    code: 'invalid_field',
    field: 'name',
  },
  {
    what: 'a new name over 64 characters',
    method: 'PUT',
    path: '/workspaces/{workspace}/',
    body: { name: 'x'.repeat(65) },
    status: 400,
    code: 'invalid_field',
    field: 'name',
  },
  {
    what: 'an empty file name',
    method: 'POST',
    path: '/workspaces/',
    body: details({ files: [{ name: '', content: '' }] }),
    status: 400,
    code: 'invalid_path',
    field: 'workspace_details.files[0].name',
  },
  {
    what: 'a file name with a NUL',
    method: 'POST',
    path: '/workspaces/',
    body: details({ files: [{ name: 'a\0b', content: '' }] }),
    status: 400,
    code: 'invalid_path',
    field: 'workspace_details.files[0].name',
  },
  {
    what: 'a file name of 300 characters',
    method: 'POST',
    path: '/workspaces/',
    body: details({ files: [{ name: 'x'.repeat(300), content: '' }] }),
    status: 400,
    code: 'invalid_path',
    field: 'workspace_details.files[0].name',
  },
];

/** Bodies that are no JSON object. */
const bodies: readonly Mistake[] = ['7', 'null', '"text"', '[]', 'true', '{bad', '\u0000'].flatMap((body) => [
  {
    what: `the body ${JSON.stringify(body)}`,
    method: 'POST',
    path: '/workspaces/',
    body,
    status: 400,
    code: 'invalid_json',
  },
  { what: `the body ${JSON.stringify(body)}`, method: 'PUT', path: start, body, status: 400, code: 'invalid_json' },
]);

const signIn: readonly Mistake[] = [
  {
    what: 'a sign-in with a number for the client token',
    method: 'POST',
    path: '/tokens/',
    body: { client_token: 7, user_info: {} },
    status: 400,
    code: 'missing_field',
    field: 'client_token',
  },
  {
    what: 'a sign-in without a client token',
    method: 'POST',
    path: '/tokens/',
    body: {},
    status: 400,
    code: 'missing_field',
    field: 'client_token',
  },
  {
    what: 'a sign-in with a list for a body',
    method: 'POST',
    path: '/tokens/',
    body: '[]',
    status: 400,
    code: 'invalid_json',
  },
];

const starting: readonly Mistake[] = [
  {
    what: 'a number for the job type',
    method: 'PUT',
    path: start,
    body: { job_type: 7 },
    status: 400,
    code: 'invalid_field',
    field: 'job_type',
  },
  {
    what: 'a job type that nobody knows',
    method: 'PUT',
    path: start,
    body: { job_type: 'nope' },
    status: 400,
    code: 'unknown_job_type',
    field: 'job_type',
  },
  {
    what: 'a job type named like a property of objects',
    method: 'PUT',
    path: start,
    body: { job_type: '__proto__' },
    status: 400,
    code: 'unknown_job_type',
    field: 'job_type',
  },
  {
    what: 'a list for the job details',
    method: 'PUT',
    path: start,
    body: { job_type: 'terminal', job_details: [] },
    status: 400,
    code: 'invalid_field',
    field: 'job_details',
  },
  {
    what: 'a text for the resource options',
    method: 'PUT',
    path: start,
    body: { job_type: 'terminal', resource_options: 'many' },
    status: 400,
    code: 'invalid_field',
    field: 'resource_options',
  },
  {
    what: 'a text for a number of processors',
    method: 'PUT',
    path: start,
    body: { job_type: 'terminal', resource_options: { num_cpus: '2' } },
    status: 422,
    code: 'invalid_options',
    field: 'resource_options',
  },
  {
    what: 'half a processor',
    method: 'PUT',
    path: start,
    body: { job_type: 'terminal', resource_options: { num_cpus: 0.5 } },
    status: 422,
    code: 'invalid_options',
    field: 'resource_options',
  },
  {
    what: 'null for a number of processors',
    method: 'PUT',
    path: start,
    body: { job_type: 'terminal', resource_options: { num_cpus: null } },
    status: 422,
    code: 'invalid_options',
    field: 'resource_options',
  },
  {
    what: 'too much memory',
    method: 'PUT',
    path: start,
    body: { job_type: 'terminal', resource_options: { memory_mb: 1e9 } },
    status: 422,
    code: 'invalid_options',
    field: 'resource_options',
  },
];

const shares: readonly Mistake[] = [
  {
    what: 'a text for the receivers',
    method: 'POST',
    path: '/shared_workspaces/',
    body: { original_workspace_id: 1, shared_user_ids: '1' },
    status: 400,
    code: 'invalid_field',
    field: 'shared_user_ids',
  },
  {
    what: 'a text for a receiver',
    method: 'POST',
    path: '/shared_workspaces/',
    body: { original_workspace_id: 1, shared_user_ids: ['one'] },
    status: 400,
    code: 'invalid_field',
    field: 'shared_user_ids[0]',
  },
  {
    what: 'a word for the workspace',
    method: 'POST',
    path: '/shared_workspaces/',
    body: { original_workspace_id: 'one', shared_user_ids: [1] },
    status: 400,
    code: 'invalid_field',
    field: 'original_workspace_id',
  },
  {
    what: 'an object for the workspace',
    method: 'POST',
    path: '/shared_workspaces/',
    body: { original_workspace_id: {}, shared_user_ids: [1] },
    status: 400,
    code: 'invalid_field',
    field: 'original_workspace_id',
  },
  {
    what: 'sharing what another user has',
    method: 'POST',
    path: '/shared_workspaces/',
    body: { original_workspace_id: 999_999, shared_user_ids: [1] },
    status: 404,
    code: 'not_found',
  },
];

/** `?workspace_id=abc`, `?is_accepted=true`, and other queries. */
const queries: readonly Mistake[] = [
  {
    what: 'a word for a number in a filter',
    method: 'GET',
    path: '/jobs/?workspace_id=abc',
    status: 400,
    code: 'invalid_field',
    field: 'workspace_id',
  },
  {
    what: 'a word for a number in another filter',
    method: 'GET',
    path: '/jobs/?resource_job_id=abc',
    status: 400,
    code: 'invalid_field',
    field: 'resource_job_id',
  },
  {
    what: 'a number far too large in a filter',
    method: 'GET',
    path: `/jobs/?workspace_id=${'9'.repeat(30)}`,
    status: 400,
    code: 'invalid_field',
    field: 'workspace_id',
  },
  {
    what: 'a truth value in another language',
    method: 'GET',
    path: '/shared_workspaces/?is_accepted=true',
    status: 400,
    code: 'invalid_field',
    field: 'is_accepted',
  },
  {
    what: 'a page of no rows',
    method: 'GET',
    path: '/workspaces/?limit=0',
    status: 400,
    code: 'invalid_field',
    field: 'limit',
  },
  {
    what: 'a cursor of nowhere',
    method: 'GET',
    path: '/workspaces/?cursor=nowhere',
    status: 400,
    code: 'invalid_field',
    field: 'cursor',
  },
];

/** Unknown paths and ids. */
const paths: readonly Mistake[] = [
  ['GET', '/'.concat('nothing/')],
  ['GET', '/workspaces/abc/'],
  ['GET', '/workspaces/-1/'],
  ['GET', `/workspaces/${'9'.repeat(30)}/`],
  ['GET', '/jobs/abc/'],
  ['GET', '/jobs/1.5/'],
  ['GET', '/shared_workspaces/abc/'],
  ['GET', '/workspaces/1/2/3/4/'],
  ['GET', '/%zz/'],
  ['GET', '/workspaces/%00/'],
  ['PUT', '/workspaces/999999/'],
  ['PUT', '/workspaces/{other}/'],
  ['PUT', '/workspaces/999999/start/'],
  ['DELETE', '/workspaces/{other}/'],
  ['PUT', '/jobs/999999/stop/'],
  ['PUT', '/shared_workspaces/999999/accept/'],
  ['DELETE', '/shared_workspaces/999999/'],
].map(([method = '', path = '']) => ({
  what: 'what does not exist',
  method,
  path,
  ...(method !== 'GET' && { body: { name: 'n', job_type: 'terminal' } }),
  status: 404,
  code: 'not_found',
}));

const methods: readonly Mistake[] = [
  ['DELETE', '/workspaces/'],
  ['PUT', '/workspaces/'],
  ['POST', '/workspaces/{workspace}/'],
  ['PATCH', '/workspaces/{workspace}/'],
  ['GET', '/workspaces/{workspace}/start/'],
  ['POST', '/workspaces/{workspace}/start/'],
  ['GET', '/workspaces/{workspace}/upload/'],
  ['POST', '/jobs/'],
  ['PUT', '/jobs/1/'],
  ['DELETE', '/jobs/1/'],
  ['GET', '/jobs/1/stop/'],
  ['POST', '/job_types/'],
  ['DELETE', '/users/'],
  ['PUT', '/shared_workspaces/'],
  ['POST', '/shared_workspaces/1/'],
  ['GET', '/tokens/'],
  ['POST', '/status/'],
].map(([method = '', path = '']) => ({
  what: 'a method that the path does not have',
  method,
  path,
  status: 405,
  code: 'method_not_allowed',
}));

const actions: readonly Mistake[] = [
  {
    what: 'an unknown action',
    method: 'PUT',
    path: '/workspaces/{workspace}/bogus/',
    body: {},
    status: 400,
    code: 'unknown_action',
    field: 'bogus',
  },
  {
    what: 'an unknown action',
    method: 'PUT',
    path: '/jobs/1/bogus/',
    body: {},
    status: 400,
    code: 'unknown_action',
    field: 'bogus',
  },
  {
    what: 'an unknown action',
    method: 'PUT',
    path: '/shared_workspaces/1/bogus/',
    body: {},
    status: 400,
    code: 'unknown_action',
    field: 'bogus',
  },
];

const uploads: readonly Mistake[] = [
  {
    what: 'an upload of no files',
    method: 'PUT',
    path: '/workspaces/{workspace}/upload/',
    status: 400,
    code: 'missing_field',
  },
  {
    what: 'an upload that is JSON',
    method: 'PUT',
    path: '/workspaces/{workspace}/upload/',
    body: { file: 'a' },
    status: 400,
    code: 'missing_field',
  },
  {
    what: 'an upload that is cut off',
    method: 'PUT',
    path: '/workspaces/{workspace}/upload/',
    headers: { 'Content-Type': 'multipart/form-data; boundary=B' },
    body: '--B\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhalf',
    status: 400,
    code: 'invalid_field',
  },
  {
    what: 'an upload without a boundary',
    method: 'PUT',
    path: '/workspaces/{workspace}/upload/',
    headers: { 'Content-Type': 'multipart/form-data' },
    body: 'nothing',
    status: 400,
    code: 'invalid_field',
  },
];

/** Mistakes that the old service answers with an HTML page, with 500, or not at all; each of them, and each of its kind. */
export const mistakes: readonly Mistake[] = [
  ...types,
  ...absent,
  ...names,
  ...bodies,
  ...signIn,
  ...starting,
  ...shares,
  ...queries,
  ...paths,
  ...methods,
  ...actions,
  ...uploads,
];
