export { authenticationSuite } from './suite.js';
export type { AuthenticationCapability, AuthenticationWorld, SignIn } from './world.js';
