/** How the gateway of a site is reached. */
export interface GatewayOptions {
  /** Such as `https://slurm.example.org/api`, without a slash at its end. */
  readonly url: string;
  /** By which the gateway knows the server. */
  readonly apiToken: string;
  /** How long tokens of users are asked to last. @default 3600 */
  readonly tokenLifespanSeconds?: number;
  /** Answers 200 while all is well. @default {@link url}, where any answer but an error of the gateway will do */
  readonly healthCheckUrl?: string;
  /** How long an answer may take. @default 30_000 */
  readonly timeoutMs?: number;
}
