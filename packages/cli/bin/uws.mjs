#!/usr/bin/env node
import { run } from '../dist/index.js';

process.exit(await run(process.argv.slice(2)));
