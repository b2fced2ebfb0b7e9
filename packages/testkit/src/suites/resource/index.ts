export { resourceSuite } from './suite.js';
export type { ResourceCapability, ResourceWorld } from './world.js';
