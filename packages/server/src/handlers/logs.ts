import { logsOf } from '../files/../logs.js';
