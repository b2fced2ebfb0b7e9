import type { QueryParameters, RequestBody } from '@user-workspaces/schema';
import { NotFoundError } from '../errors.js';
import { PagePromise } from '../pages.js';
import { type Job, toJob, toWorkspace, type Workspace } from '../shapes.js';
import { type KeyedOptions, keyHeader } from '../transport/idempotency.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

/** Directories with files and links. */
export class Workspaces {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * The caller's workspaces; shares not yet accepted are left out. `name`, `description` and `status` match exactly.
   *
   * @throws AuthenticationError
   * @example
   * for await (const workspace of client.workspaces.list({ status: 'active' })) console.log(workspace.name);
   */
  list(filters: QueryParameters<'listWorkspaces'> = {}, options?: RequestOptions): PagePromise<Workspace> {
    return new PagePromise(async (next) => {
      const query = { ...filters, ...next };
      const { data } = await this.#transport.call('listWorkspaces', { query }, options);
      return [data.workspaces.map(toWorkspace), data];
    });
  }

  /**
   * One workspace.
   *
   * @throws NotFoundError for an unknown id or someone else's
   * @example
   * const workspace = await client.workspaces.get(7);
   */
  async get(workspaceId: number, options?: RequestOptions): Promise<Workspace> {
    const { data } = await this.#transport.call('getWorkspace', { path: { workspace_id: workspaceId } }, options);
    const found = data.workspaces.find((workspace) => workspace.id === workspaceId);
    if (found) return toWorkspace(found);
    throw new NotFoundError(`Workspace ${workspaceId} not found for user.`, { code: 'not_found', status: 404 });
  }

  /**
   * Creates a workspace; its files and links are in place when this returns. Retried without making a second one.
   *
   * @throws InvalidRequestError for a missing or refused field, path or link
   * @example
   * const workspace = await client.workspaces.create({
   *   name: 'First',
   *   description: 'A notebook',
   *   workspace_details: { files: [{ name: 'hello.txt', content: 'hello' }] },
   * });
   */
  async create(request: RequestBody<'createWorkspace'>, options?: KeyedOptions): Promise<Workspace> {
    const input = { json: request, headers: keyHeader(options) };
    const { data } = await this.#transport.call('createWorkspace', input, options);
    return toWorkspace(data.workspace);
  }

  /**
   * Changes a name, description or default job type, and adds or replaces files and links; what is not named stays.
   *
   * @throws NotFoundError, InvalidRequestError
   * @example
   * await client.workspaces.update(7, { name: 'Renamed' });
   */
  async update(workspaceId: number, changes: RequestBody<'updateWorkspace'>, options?: RequestOptions): Promise<void> {
    await this.#transport.run('updateWorkspace', { path: { workspace_id: workspaceId }, json: changes }, options);
  }

  /**
   * Asks for a workspace and its files to be deleted. `workspace.deleted` of the events tells when they are gone.
   *
   * @param options `force` stops running jobs first. `@default false`
   * @throws InvalidRequestError (`workspace_busy`) while jobs run or shares of it wait; NotFoundError
   * @example
   * await client.workspaces.delete(7, { force: true });
   */
  async delete(workspaceId: number, options: RequestOptions & { readonly force?: boolean } = {}): Promise<void> {
    const query = options.force ? { force: true } : {};
    await this.#transport.run('deleteWorkspace', { path: { workspace_id: workspaceId }, query }, options);
  }

  /**
   * Asks for a job in a workspace; returns at once with the pending job. Retried without starting a second one. Follow
   * it with `jobs.waitUntilReady`, `jobs.watch` or the events.
   *
   * @throws InvalidRequestError (`invalid_options`, `unknown_job_type`), LimitError (`quota_exceeded`), NotFoundError
   * @example
   * const job = await client.workspaces.start(7, {
   *   job_type: 'jupyter_lab',
   *   resource_options: { num_cpus: 2, memory_mb: 4096, time_limit_minutes: 60 },
   * });
   */
  async start(workspaceId: number, request: RequestBody<'startWorkspace'>, options?: KeyedOptions): Promise<Job> {
    const input = { path: { workspace_id: workspaceId }, json: request, headers: keyHeader(options) };
    const { data } = await this.#transport.call('startWorkspace', input, options);
    return toJob(data.job);
  }
}
