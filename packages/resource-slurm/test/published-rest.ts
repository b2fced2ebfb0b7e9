// Stands in for the slurmrestd of Slurm 24.05 to 26.05, which cannot be had here: it takes and gives what Slurm's published schemas of one version say (published/, where each file names
// its source), nothing more, and its answers to what it cannot do are those that Slurm's sources (src/slurmrestd of the same releases) give.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

type Shape = string | { readonly each: Shape; readonly of?: readonly string[] } | { readonly [field: string]: Shape };

interface Published {
  readonly source: string;
  readonly paths: Readonly<Record<string, readonly string[]>>;
  readonly schemas: Readonly<Record<string, Readonly<Record<string, Shape>>>>;
}

type Fields = Readonly<Record<string, unknown>>;

export interface PublishedRest {
  readonly url: string;
  /** What was asked for, in order: method, path, and the body. */
  readonly asked: readonly (readonly [method: string, path: string, body?: unknown])[];
  /** Jobs that it tells of, by the fields of `job_info`. */
  jobs: readonly Fields[];
  /** Answers the next request like this instead. */
  failure: readonly [status: number, body: string] | undefined;
  close(): Promise<void>;
}

/** Starts one that speaks this version alone; with `shown` it says that it speaks that one instead, and does not speak any. */
export async function startPublishedRest(version: string, shown = version): Promise<PublishedRest> {
  const { paths, schemas }: Published = JSON.parse(
    readFileSync(new URL(`published/${version}.json`, import.meta.url), 'utf8'),
  );
  const asked: (readonly [string, string, unknown?])[] = [];
  const problemOf = (schema: string, value: unknown) => misfit(value, schemas[schema] ?? {}, schema);
  const state = { jobs: [] as readonly Fields[], failure: undefined as PublishedRest['failure'] };

  const answerTo = (method: string, path: string, body: unknown): readonly [number, Fields] => {
    const known = Object.entries(paths).find(([template]) => {
      const pattern = template.replace('{job_id}', '\\d+');
      return new RegExp(`^${pattern}$`).test(path);
    });
    if (!known?.[1].includes(method.toLowerCase()) || shown !== version) return [404, {}];
    const [template] = known;
    const id = Number(/\d+$/.exec(path)?.[0]);
    const missing = error(2017, 'Invalid job id specified', `Unable to query JobId=${id}`);
    const isThere = state.jobs.some(({ job_id }) => job_id === id);
    switch (`${method} ${template.replace(`/slurm/${version}`, '')}`) {
      case 'GET /ping/': {
        const { pinged, responding } = schemas.controller_ping ?? {};
        return [
          200,
          answer('pings', 'controller_ping', [
            { hostname: 'head', ...(pinged && { pinged: 'UP' }), ...(responding && { responding: true }) },
          ]),
        ];
      }
      case 'GET /jobs/':
        return [200, answer('jobs', 'job_info', state.jobs)];
      case 'GET /nodes/':
        return [200, answer('nodes', 'node', [{ name: 'n1', address: '10.0.0.1' }])];
      case 'GET /job/{job_id}':
        if (!isThere) return [404, missing];
        return [
          200,
          answer(
            'jobs',
            'job_info',
            state.jobs.filter(({ job_id }) => job_id === id),
          ),
        ];
      case 'DELETE /job/{job_id}':
        return isThere ? [200, { errors: [] }] : [404, missing];
      case 'POST /job/{job_id}': {
        const problem = problemOf('job_desc_msg', body);
        if (problem) return [422, error(9000, 'Query parsing failed', problem)];
        return isThere ? [200, { errors: [] }] : [404, missing];
      }
      case 'POST /job/submit': {
        const { script, job, ...rest } = isFields(body) ? body : {};
        const problem =
          problemOf('job_desc_msg', job) ??
          (typeof script !== 'string' || Object.keys(rest).length > 0 ? 'body' : undefined);
        if (problem) return [400, error(9001, 'Failure during parsing', problem)];
        const made = { job_id: 4711, step_id: 'batch', job_submit_user_msg: '' };
        return [200, { ...made, errors: [], warnings: [], ...must('openapi_job_submit_response', made) }];
      }
      default:
        throw new Error(`Nothing is written down for ${method} ${template}.`);
    }
  };
  const must = (schema: string, value: Fields): Fields => {
    const problem = problemOf(schema, value);
    if (problem) throw new Error(`The test's own answer does not fit the schema: ${problem}`);
    return value;
  };
  const answer = (key: string, schema: string, values: readonly Fields[]): Fields => ({
    [key]: values.map((value) => must(schema, value)),
    errors: [],
    warnings: [],
  });
  const error = (number: number, words: string, description: string): Fields => ({
    errors: [must('openapi_error', { description, error_number: number, error: words, source: 'test' })],
    warnings: [],
  });

  const server = createServer((request, response) => {
    text(request).then((content) => {
      const { pathname, search } = new URL(request.url ?? '/', 'http://test');
      const body: unknown = content === '' ? undefined : JSON.parse(content);
      const line = [request.method ?? '', pathname + search] as const;
      asked.push(body === undefined ? line : [...line, body]);
      const { failure } = state;
      state.failure = undefined;
      if (failure) return response.writeHead(failure[0]).end(failure[1]);
      if (pathname === '/openapi/v3') {
        const offered = Object.keys(paths).map((path) => [path.replace(version, shown), {}]);
        return response.end(JSON.stringify({ paths: Object.fromEntries(offered) }));
      }
      const [status, fields] = answerTo(request.method ?? '', pathname, body);
      const isNowhere = status === 404 && Object.keys(fields).length === 0;
      return response
        .writeHead(status)
        .end(
          isNowhere ? 'Unable find requested URL. Please view /openapi/v3 for API reference.' : JSON.stringify(fields),
        );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return Object.assign(state, {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    asked,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  });
}

/** Where a value is not what the schema says, or holds a field that the schema does not have. */
function misfit(value: unknown, shape: Shape, where: string): string | undefined {
  if (typeof shape === 'string') {
    const fits = shape === 'integer' ? Number.isInteger(value) : typeof value === shape;
    return fits ? undefined : `${where} is no ${shape}`;
  }
  if (isList(shape)) {
    if (!Array.isArray(value)) return `${where} is no list`;
    const stranger = value.find((element) => shape.of !== undefined && !shape.of.includes(String(element)));
    if (stranger !== undefined) return `${where} may not hold ${stranger}`;
    return value.map((element, at) => misfit(element, shape.each, `${where}.${at}`)).find(Boolean);
  }
  if (!isFields(value)) return `${where} is no object`;
  return Object.entries(value)
    .map(([key, inner]) => {
      const field = shape[key];
      return field === undefined ? `${where}.${key} is unknown` : misfit(inner, field, `${where}.${key}`);
    })
    .find(Boolean);
}

function isList(shape: Exclude<Shape, string>): shape is { readonly each: Shape; readonly of?: readonly string[] } {
  return 'each' in shape;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
