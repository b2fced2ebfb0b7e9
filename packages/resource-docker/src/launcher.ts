import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Account, Launched, LaunchSpecification } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { requireValid, workspaceProblems } from '@user-workspaces/launch';
import type Docker from 'dockerode';
import { type ContainerDetails, detailsOf } from './configuration.js';
import { type ContainerPlan, type ContainerSettings, jobContainer } from './container.js';
import { timeOf } from './ending.js';
import { type Engine, Refusal } from './engine.js';
import type { Images } from './images.js';
import type { StopMarks } from './marks.js';
import { containerName, labels, numberOf } from './names.js';
import { requireOwn } from './owners.js';
import { startMarkName } from './start-script.js';
import type { TimeLimits } from './time-limit.js';

type Found = Docker.ContainerInspectInfo;

/** Runs an outside effect; a crash test stops before or after it. */
export type Step = <T>(name: string, effect: () => Promise<T>) => Promise<T>;

/** How often a container that was made for the same key otherwise, or went away meanwhile, is made again. */
const mostTries = 3;

/** What an engine says when a container can never be started as it is. */
const never = /OCI runtime|could not select device driver|exec format error|no such file|invalid argument|not found/i;

/** Launches jobs: the engine refuses a second container of a name, and only one that has never run is started. */
export class Launcher {
  constructor(
    private readonly engine: Engine,
    private readonly images: Images,
    private readonly marks: StopMarks,
    private readonly limits: TimeLimits,
    private readonly defaults: ContainerDetails | undefined,
    private readonly settings: ContainerSettings,
    private readonly step: Step,
  ) {}

  async launch(specification: LaunchSpecification, signal?: AbortSignal): Promise<Launched> {
    requireValid(specification, startMarkName);
    const { launchKey } = specification;
    const details = detailsOf(this.defaults, specification.resourceDetails);
    const groups = await groupsOf(specification.account);
    const plan = jobContainer(specification, details, this.settings, groups);
    for (let tries = 0; tries < mostTries; tries += 1) {
      const found = (await this.find(launchKey, signal)) ?? (await this.make(plan, specification, details, signal));
      if (!found) continue;
      requireOwn(this.settings.owner, { labels: found.Config.Labels });
      if (hasRun(found)) return nameOf(found);
      if (found.Config.Labels[labels.specification] !== plan.hash) {
        await this.step('launch.remove', () => this.remove(found.Id, signal));
        continue;
      }
      await this.start(specification, found, signal);
      this.images.forget(launchKey);
      return nameOf(found);
    }
    throw new AdapterError('unavailable', 'The container of the job changes under the launch.');
  }

  private find(launchKey: string, signal?: AbortSignal): Promise<Found | undefined> {
    return this.engine.find((docker) => docker.getContainer(containerName(launchKey)).inspect(), signal);
  }

  /** @returns `undefined` when somebody else has just made it. */
  private async make(
    { options, image }: ContainerPlan,
    specification: LaunchSpecification,
    { pull_policy }: ContainerDetails,
    signal?: AbortSignal,
  ): Promise<Found | undefined> {
    const { launchKey } = specification;
    if (await this.marks.has(launchKey, signal)) throw stopped();
    if (pull_policy === 'always' && this.images.needsRefresh(launchKey)) await this.images.fetch(image, launchKey);
    const create = () =>
      this.step('launch.create', () => this.engine.ask((docker) => docker.createContainer(options), signal));
    try {
      await create();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 409) return undefined;
      if (error.status !== 404 || !/image/i.test(error.message)) throw refusedLaunch(error, specification);
      if (pull_policy === 'never') {
        const message = `The image ${image} is not on the engine, and its pull_policy is "never": bring it there, or set another policy.`;
        throw new AdapterError('invalid', message);
      }
      await this.images.fetch(image, launchKey);
      return undefined;
    }
    return this.find(launchKey, signal);
  }

  private async start(specification: LaunchSpecification, found: Found, signal?: AbortSignal): Promise<void> {
    const { launchKey, limits } = specification;
    // A stop marks first and looks for a container afterwards; here it is the other way round: one of the two sees the other.
    if (await this.marks.has(launchKey, signal)) {
      await this.remove(found.Id, signal);
      throw stopped();
    }
    try {
      await this.step('launch.start', () => this.engine.ask((docker) => docker.getContainer(found.Id).start(), signal));
    } catch (error) {
      if (error instanceof Refusal && error.status === 304) return;
      if (error instanceof Refusal && error.status === 404 && /no such container/i.test(error.message)) {
        throw new AdapterError('unavailable', 'The container of the job was removed before it started.');
      }
      const isFinal = error instanceof Refusal || (AdapterError.is(error, 'unavailable') && never.test(error.message));
      if (!isFinal) throw error;
      await this.remove(found.Id, signal);
      throw refusedLaunch(error, specification);
    }
    if (limits.timeLimitMinutes === undefined) return;
    const startedAtMs = timeOf((await this.find(launchKey, signal))?.State.StartedAt ?? '');
    if (startedAtMs === null) return;
    const job = { launchKey, containerId: found.Id, startedAtMs };
    // A job that has ended by now needs no limit; one whose limit is missing gets it at the next observation.
    await this.step('launch.limit', () => this.limits.set(job, limits.timeLimitMinutes ?? 0, 0, signal)).catch(() => {
      signal?.throwIfAborted();
    });
  }

  /** Without force: one that runs by now stays. */
  private async remove(containerId: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.engine.find((docker) => docker.getContainer(containerId).remove({ v: true }), signal);
    } catch (error) {
      if (!(error instanceof Refusal && error.status === 409)) throw error;
    }
  }
}

function hasRun({ State }: Found): boolean {
  return State.Status !== 'created' || timeOf(State.StartedAt) !== null;
}

function nameOf({ Id }: Found): Launched {
  return { handle: Id, resourceJobId: numberOf(Id) };
}

function stopped(): AdapterError {
  return new AdapterError('conflict', 'The job was stopped before it was launched.');
}

function refusedLaunch(error: Error, { workspacePath }: LaunchSpecification): AdapterError {
  if (error.message.endsWith(`bind source path does not exist: ${workspacePath}.`)) {
    return new AdapterError('invalid', workspaceProblems.missing.message, { cause: error });
  }
  return new AdapterError('invalid', `The container engine cannot run the job: ${error.message}`, { cause: error });
}

/** The further groups of an account that the server's machine knows; none of root's. */
async function groupsOf({ uid }: Account): Promise<readonly string[]> {
  if (uid === null) return [];
  try {
    const { stdout } = await promisify(execFile)('id', ['-G', String(uid)]);
    return stdout
      .trim()
      .split(/\s+/)
      .filter((id) => /^\d+$/.test(id) && id !== '0');
  } catch {
    return []; // An account that the machine does not know has no groups.
  }
}
