export { accountMappingSuite } from './suite.js';
export type { AccountMappingCapability, AccountMappingWorld } from './world.js';
