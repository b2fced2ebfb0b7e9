import type { JobTypeKind } from '@user-workspaces/contract';
import { appyterJob } from './appyter.js';
import { jupyterLabJob } from './jupyter-lab.js';
import { localTestJob } from './local-test.js';
import { packagedRuntime, type TerminalRuntime } from './runtime.js';
import { createTerminalJob } from './terminal.js';
import { webApplicationJob } from './web-application.js';
import { yacJob } from './yac.js';

export { installPortableNode } from './portable-node.js';
export { filesApplication, installTerminalRuntime, packagedRuntime, type TerminalRuntime } from './runtime.js';
export { appyterJob, createTerminalJob, jupyterLabJob, localTestJob, webApplicationJob, yacJob };

/** All kinds of this package, the terminal with a runtime that the accounts of jobs can read. */
export function createJobTypeKinds(runtime: TerminalRuntime): readonly JobTypeKind[] {
  return [jupyterLabJob, appyterJob, yacJob, localTestJob, createTerminalJob(runtime), webApplicationJob];
}

/** The terminal where jobs run as an account that can read this package. */
export const terminalJob: JobTypeKind = createTerminalJob(packagedRuntime);

/** All kinds of this package, for jobs that run as an account that can read it. */
export const jobTypeKinds: readonly JobTypeKind[] = createJobTypeKinds(packagedRuntime);
