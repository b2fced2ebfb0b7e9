export type { CommandLineOptions } from './command-line/run.js';
export { createSlurmResource, type SlurmResourceOptions } from './create.js';
export type { GatewayOptions } from './gateway/options.js';
export { checkDetails as checkJobDetails, type JobDefaults } from './job-options.js';
export type { RestOptions } from './rest/client.js';
