export * from './administration.gen.js';
export * from './operation-types.js';
export * from './operations.gen.js';
export * as schemas from './schemas.gen.js';
export type { components } from './types.gen.js';
