import { describeServer } from './support/server-suite.js';
import { postgres } from './support/servers.js';

describeServer('PostgreSQL', postgres);
