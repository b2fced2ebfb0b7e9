// `uws serve` as a user without any rights: node plain-user.mjs <uid> <uws.mjs> serve
const [, , uid, program] = process.argv;
process.setgroups([]);
process.setgid(Number(uid));
process.setuid(Number(uid));
process.argv.splice(1, 3, program);
await import(program);
