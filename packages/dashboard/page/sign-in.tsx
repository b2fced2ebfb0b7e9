import { useState } from 'preact/hooks';
import { tokenOfText } from './token.js';

/** Asks for a sign-in link or token. */
export function SignIn({ problem, onToken }: { problem: string | undefined; onToken: (token: string) => void }) {
  const [text, setText] = useState('');
  return (
    <form
      class="card sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== '') onToken(tokenOfText(text));
      }}
    >
      <h2>Sign in</h2>
      <p>
        Open the sign-in link that <code>npm start</code> printed, or paste it here. A portal's users come here already
        signed in.
      </p>
      <label>
        Sign-in link or token
        <input
          type="password"
          autocomplete="off"
          required
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {problem !== undefined && <p role="alert">{problem}</p>}
      <button type="submit">Sign in</button>
    </form>
  );
}
