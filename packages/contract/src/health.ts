/** The answer of an adapter's health check. */
export interface Health {
  readonly connected: boolean;
  /** A sentence for the operator; no secret, it is public in `GET /status/`. */
  readonly message: string;
}
