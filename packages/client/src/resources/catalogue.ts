import { type JobType, type Limits, type Parameter, type Resource, toJobTypes } from '../shapes.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

/** What the server offers; open to all but for {@link Catalogue.resources}. */
export class Catalogue {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * The job types by their ids.
   *
   * @throws ConnectionError, ServerError
   * @example
   * const names = Object.values(await client.catalogue.jobTypes()).map((jobType) => jobType.name);
   */
  async jobTypes(options?: RequestOptions): Promise<Record<string, JobType>> {
    const { data } = await this.#transport.call('listJobTypes', {}, options);
    return toJobTypes(data.job_types);
  }

  /**
   * The options that a start may carry in `resource_options`, with their limits and defaults.
   *
   * @throws ConnectionError, ServerError
   * @example
   * for (const parameter of await client.catalogue.parameters()) console.log(parameter.variable_name);
   */
  async parameters(options?: RequestOptions): Promise<Parameter[]> {
    const { data } = await this.#transport.call('listParameters', {}, options);
    return data.parameters;
  }

  /**
   * Where jobs run, the main resource first: its kind, the options it takes, its health, and how busy it is. Only for who is signed in.
   *
   * @throws AuthenticationError, ConnectionError, ServerError
   * @example
   * for (const { name, load } of await client.catalogue.resources()) console.log(name, load?.cpus?.free);
   */
  async resources(options?: RequestOptions): Promise<Resource[]> {
    const { data } = await this.#transport.call('listResources', {}, options);
    return data.resources;
  }

  /**
   * The server's bounds of what a caller may send, open and ask. What goes beyond one is a `LimitError`, whose `details` has
   * the limit's name and value.
   *
   * @throws ConnectionError, ServerError
   * @example
   * const { file_bytes } = await client.catalogue.limits();
   */
  async limits(options?: RequestOptions): Promise<Limits> {
    const { data } = await this.#transport.call('getLimits', {}, options);
    return data.limits;
  }
}
