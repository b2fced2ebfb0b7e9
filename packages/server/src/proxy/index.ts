export { domainBasePath, sessionBasePath, sessionLabel } from './addresses.js';
export type {
  SessionProxy,
  SessionProxyLimits,
  SessionProxyMetrics,
  SessionProxyOptions,
  SessionRoute,
  SessionRoutes,
  TokenHolder,
  TrafficKind,
} from './options.js';
export { createSessionProxy } from './proxy.js';
