import type { Mailer } from '@user-workspaces/server';

/**
 * Sends mail through a mail server, one connection per mail.
 *
 * @param smtpUrl `smtp://` (with STARTTLS where the server offers it) or `smtps://`, with user and password if it wants them.
 */
export function createMailer(smtpUrl: string, from: string): Mailer {
  const bounds = { connectionTimeout: 15_000, greetingTimeout: 15_000, socketTimeout: 60_000 };
  return {
    async send({ to, subject, text }, signal) {
      signal.throwIfAborted();
      // Loaded by the first mail: most servers send none.
      const { createTransport } = await import('nodemailer');
      const server = { url: smtpUrl, ...bounds, disableFileAccess: true, disableUrlAccess: true };
      const transport = createTransport(server, { from });
      // As an object the address cannot be read as a list of several.
      const sent = transport.sendMail({ to: { name: '', address: to }, subject, text });
      await untilAborted(sent, signal);
    },
  };
}

/** The transport knows no signals: after one the mail may still go out, which the server's next attempt then repeats. */
async function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(() => resolve(), reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
