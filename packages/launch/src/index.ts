export { hoursOf, signalName } from './ending.js';
export { environmentOf } from './environment.js';
export { answering, hasCode, unlessMissing } from './errors.js';
export { jobDirectoryOf, withJobDirectory } from './job-directory.js';
export { type Report, readReport, versionOfReport } from './report.js';
export { assignments, enterLines, fileLines, quote, workspaceProblems } from './shell.js';
export { isLaunchKey, requireValid } from './validation.js';
