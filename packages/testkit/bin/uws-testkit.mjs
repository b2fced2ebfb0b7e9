#!/usr/bin/env node
import { run } from '../dist/report/command.js';

process.exit(await run(process.argv.slice(2)));
