/** Thrown inside a transaction when a row is no longer what its reader saw: the work must be decided anew. */
export class StaleRowError extends Error {
  override readonly name = 'StaleRowError';
}
