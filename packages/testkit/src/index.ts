export {
  type Call,
  type Fault,
  type FaultPlan,
  type FaultyAdapter,
  type FaultyCall,
  type FaultyMethod,
  faultAt,
  injectFaults,
  seededFaults,
} from './faults/calls.js';
export { type JumpingClock, withJumpingClock } from './faults/clock.js';
export {
  Crash,
  type CrashingRun,
  crashAtEachStep,
  type ReportedSteps,
  reportedSteps,
  type StepSource,
} from './faults/crash.js';
export { makeSmallDisk, type SmallDisk, smallDiskObstacle } from './faults/disk.js';
export { fileSystemSteps } from './faults/file-system.js';
export { type BreakingLine, openBreakingLine } from './faults/line.js';
export { openFilesBelow } from './faults/open-files.js';
export { type Program, startProgram } from './faults/programs.js';
export { type Random, seededRandom, seedOf } from './faults/random.js';
export type { AdapterUnderTest, Check, CheckTools, Guarantee, Suite, World } from './guarantee.js';
export { type DefinedAdapter, defineAdapters } from './report/define.js';
export { markdownTable, textTable } from './report/table.js';
export { type Report, type Result, tryAdapter } from './results.js';
export { type TestRunner, testAdapter } from './runner.js';
export * from './suites/account-mapping/index.js';
export * from './suites/authentication/index.js';
export { type DatabaseTask, runDatabaseTask } from './suites/database/program.js';
export { databaseSuite } from './suites/database/suite.js';
export type {
  DatabaseCapability,
  DatabaseOnBreakingLine,
  DatabaseOnSmallDisk,
  DatabaseWorld,
} from './suites/database/world.js';
export * from './suites/job-type/index.js';
export * from './suites/resource/index.js';
export { storageSuite } from './suites/storage/suite.js';
export type {
  LinkTargetsToTry,
  PlainPaths,
  StorageCapability,
  StorageOnSmallDisk,
  StorageWorld,
} from './suites/storage/world.js';
