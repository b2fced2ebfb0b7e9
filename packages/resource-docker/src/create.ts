import type { Resource } from '@user-workspaces/contract';
import type { EngineOptions } from './configuration.js';
import { Engine } from './engine.js';
import { EngineEvents } from './events.js';
import { Images } from './images.js';
import { Launcher, type Step } from './launcher.js';
import { Logs } from './logs.js';
import { StopMarks } from './marks.js';
import { Observer } from './observer.js';
import { Remains } from './remains.js';
import { DockerResource } from './resource.js';
import { Sessions } from './sessions.js';
import { Stopper } from './stopper.js';
import { TimeLimits } from './time-limit.js';
import { Watch } from './watch.js';

export interface DockerResourceOptions extends EngineOptions {
  readonly name: string;
  /** Awaited before and after each effect on the engine, with its name: a crash test stops there. */
  readonly steps?: (name: string) => Promise<void>;
}

/** Makes a resource that runs jobs as containers. The engine need not be there yet: until it answers, everything is unknown. */
export function createDockerResource(options: DockerResourceOptions): Resource {
  const {
    name,
    address,
    defaults,
    owner = name,
    publishAddress = '127.0.0.1',
    pidsLimit = 4096,
    keptDays = 7,
    gpus = false,
  } = options;
  const { sessionHost = publishAddress, steps } = options;
  const step: Step = async (stepName, effect) => {
    await steps?.(`${stepName}:before`);
    const result = await effect();
    await steps?.(`${stepName}:after`);
    return result;
  };
  const engine = new Engine(address);
  const watch = new Watch();
  const events = new EngineEvents(engine, ({ launchKey, containerId, action }) => {
    // The kernel has ended one process of the job: at the look that this asks for, what is left of it ends too.
    if (action === 'oom') observer.condemn(containerId);
    watch.tell([launchKey]);
  });
  const images = new Images(engine, (keys) => watch.tell(keys));
  const marks = new StopMarks(engine, owner);
  const limits = new TimeLimits(engine, owner);
  const logs = new Logs(engine);
  const { protocol, pathname } = new URL(address.url);
  const sessions = new Sessions(sessionHost, protocol === 'unix:' ? decodeURIComponent(pathname) : undefined);
  const observer = new Observer(engine, logs, marks, sessions, limits, owner);
  const settings = { owner, publishAddress, sessionHost, pidsLimit };
  const remains = new Remains(engine, marks, owner, keptDays);
  remains.begin();
  return new DockerResource({
    name,
    sessionHost,
    defaults,
    gpus,
    owner,
    engine,
    launcher: new Launcher(engine, images, marks, limits, defaults, settings, step),
    observer,
    stopper: new Stopper(engine, marks, owner, step),
    limits,
    logs,
    marks,
    watch,
    events,
    remains,
    step,
  });
}
