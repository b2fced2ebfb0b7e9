import { AuthenticationError, type Me, UserWorkspaces } from '@user-workspaces/client';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { messageOf } from './messages.js';
import { SignIn } from './sign-in.js';
import { keepToken, readToken, takeTokenOfLink } from './token.js';
import { WorkspaceList } from './workspace-list.js';

/** The whole page: sign-in, or the user's workspaces. */
export function App() {
  const [token, setToken] = useState<string | undefined>(() => takeTokenOfLink() ?? readToken());
  const [me, setMe] = useState<Me>();
  const [problem, setProblem] = useState<string>();
  const [attempt, setAttempt] = useState(0);
  const client = useMemo(
    () => new UserWorkspaces({ baseUrl: new URL('.', location.href), ...(token !== undefined && { token }) }),
    [token],
  );

  const leave = (reason?: unknown) => {
    keepToken(undefined);
    setToken(undefined);
    setMe(undefined);
    setProblem(reason === undefined ? undefined : messageOf(reason));
  };

  useEffect(() => {
    if (token === undefined) return;
    const controller = new AbortController();
    client
      .me({ signal: controller.signal })
      .then((user) => {
        keepToken(token);
        setProblem(undefined);
        setMe(user);
      })
      .catch((error: unknown) => {
        if (controller.signal.aborted) return;
        // Only the server's own word ends a sign-in: a network that fails for a moment does not.
        if (error instanceof AuthenticationError) leave(error);
        else setProblem(messageOf(error));
      });
    return () => controller.abort();
  }, [client, token, attempt]);

  const signOut = async () => {
    try {
      await client.signOut();
      leave();
    } catch (error) {
      leave(error);
    }
  };

  return (
    <>
      <header>
        <h1>
          <img src="icon.svg" alt="" width="28" height="28" /> User Workspaces
        </h1>
        <nav>
          <a href="docs/">API</a>
          {me && (
            <>
              <span class="user" title={me.email}>
                {`${me.first_name} ${me.last_name}`.trim() || me.username}
              </span>
              <button type="button" class="quiet" onClick={signOut}>
                Sign out
              </button>
            </>
          )}
        </nav>
      </header>
      <main>
        {token === undefined && <SignIn problem={problem} onToken={setToken} />}
        {token !== undefined && !me && problem === undefined && <p role="status">Signing in …</p>}
        {token !== undefined && !me && problem !== undefined && (
          <p role="alert" class="problem">
            {problem}{' '}
            <button
              type="button"
              onClick={() => {
                setProblem(undefined);
                setAttempt(attempt + 1);
              }}
            >
              Try again
            </button>
          </p>
        )}
        {me && <WorkspaceList client={client} firstEventId={me.event_id} onSignedOut={leave} />}
      </main>
    </>
  );
}
