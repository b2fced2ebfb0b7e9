import { type JobType, type Parameter, toJobTypes } from '../shapes.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

/** What the server offers; open to all. */
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
}
