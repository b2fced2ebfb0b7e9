// What a program needs of the server to read a configuration for it, without the time that the server takes to load.
export { isAddressRange } from './http/client-address.js';
export { defaultLimits, explainLimit, type LimitName, rangeOfLimit } from './limits/limits.js';
