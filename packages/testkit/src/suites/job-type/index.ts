export { jobTypeSuite } from './suite.js';
export type { JobTypeCapability, JobTypeWorld } from './world.js';
