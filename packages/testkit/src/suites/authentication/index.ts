export { authenticationSuite } from './suite.js';
export type { AuthenticationCapability, AuthenticationWorld, PersonWhoSignsIn, SignIn } from './world.js';
