export { createEventStreams, type EventStreams } from './event-streams.js';
export { type Authenticate, createJobSockets, type JobSockets } from './job-sockets.js';
export { Readers } from './readers.js';
export { watchJob } from './watch-job.js';
export { WelcomeWatch } from './welcome-watch.js';
