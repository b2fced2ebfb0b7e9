import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';
import { freePort } from '../../support/server.js';

/** A mail server that wants a password, and forgets the mails that it takes. */
export async function openMailServer(password: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const port = await freePort();
  const smtp = new SMTPServer({
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    onAuth: (auth, _session, done) => {
      if (auth.password === password) done(null, { user: auth.username });
      else done(new Error('wrong password'));
    },
    onData: (stream, _session, done) => stream.on('end', () => done()).resume(),
  });
  // The server under test may leave in the middle, when it is stopped.
  smtp.on('error', () => undefined);
  smtp.listen(port, '127.0.0.1');
  await once(smtp.server, 'listening');
  return {
    url: `smtp://portal:${password}@127.0.0.1:${port}`,
    close: () => new Promise((resolve) => smtp.close(() => resolve())),
  };
}
