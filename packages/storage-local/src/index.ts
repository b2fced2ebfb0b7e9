export { createLocalStorage, type LocalStorageOptions, removeStaleStaging } from './create-local-storage.js';
export type { Ownership } from './layout.js';
