/**
 * Knex prints warnings about broken connections to the console. The same errors reach the caller whose statement they
 * hit, so nothing is lost by not printing them; a broken idle connection is replaced and concerns nobody.
 */
export const quietLog = {
  warn() {},
  error() {},
  deprecate() {},
  debug() {},
};
