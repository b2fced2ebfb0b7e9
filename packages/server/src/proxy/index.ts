export { domainBasePath, sessionBasePath, sessionLabel } from './addresses.js';
export type { SessionProxyLimits, SessionProxyOptions, SessionRoute, SessionRoutes } from './options.js';
export { createSessionProxy, type SessionProxy, type SessionProxyMetrics } from './proxy.js';
