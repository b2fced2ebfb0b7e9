export type { AdapterUnderTest, Check, CheckTools, Guarantee, Suite, World } from './guarantee.js';
export { type Report, type Result, tryAdapter } from './results.js';
export { type TestRunner, testAdapter } from './runner.js';
