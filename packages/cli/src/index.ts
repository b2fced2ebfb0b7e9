export { run } from './command.js';
export type { AdapterPlace, ConfigurationModule, CustomAdapters } from './configuration/custom-adapters.js';
