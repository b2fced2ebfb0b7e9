export { createLocalResource, type LocalResourceOptions } from './create.js';
export type { Isolation } from './system.js';
