// `uws serve`, which beside it tells at HOLDINGS_PORT what the process holds after it has collected its garbage.
import { createServer } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { run } from '../../../packages/cli/dist/index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

createServer((_request, response) => {
  collect();
  collect();
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  response.setHeader('Connection', 'close');
  response.end(JSON.stringify({ heapBytes: process.memoryUsage().heapUsed, timers }));
}).listen(Number(process.env.HOLDINGS_PORT), '127.0.0.1');

process.exit(await run(['serve']));
