import { describeServer } from './support/server-suite.js';
import { mariadb } from './support/servers.js';

describeServer('MariaDB', mariadb);
