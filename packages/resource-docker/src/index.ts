export {
  type ContainerDetails,
  checkDetails as checkJobDetails,
  containerShape,
  type EngineOptions,
} from './configuration.js';
export { createDockerResource, type DockerResourceOptions } from './create.js';
export type { EngineAddress } from './engine.js';
