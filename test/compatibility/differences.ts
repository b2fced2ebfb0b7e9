import type { Json } from './compare.js';

/** Where this server deliberately answers otherwise than the recorded one. */
export interface Difference {
  readonly status?: number;
  readonly body?: Json;
  /** The line that asks for it, word for word, and where it stands. */
  readonly because: string;
}

const mistakes =
  'decisions.md: client mistakes get a 4xx in the JSON envelope instead of an HTML page or a 500 ("Symlink path not found" is 400)';
const bothSlashForms = 'decisions.md: both slash forms are served';
const invalidJson =
  'api.md: A body that is not JSON: 400, message starts with "Invalid JSON: " (POST /tokens/: a Python exception text; there any clear message will do).';

export const differences: Readonly<Record<string, Difference>> = {
  status_no_slash: { status: 200, because: bothSlashForms },
  ws_get_no_slash: { status: 200, because: bothSlashForms },
  token_invalid_json: { body: { success: false }, because: invalidJson },
  ws_create_invalid_json: { body: { success: false }, because: invalidJson },
  ws_put_invalid_json: { body: { success: false }, because: invalidJson },
  start_invalid_json: { body: { success: false }, because: invalidJson },
  ws_create_symlink_missing_target: { status: 400, because: mistakes },
  ws_create_body_number: { status: 400, body: { success: false }, because: mistakes },
  ws_create_name_65_chars: { status: 400, body: { success: false }, because: mistakes },
  jobs_filter_workspace_text: { status: 400, body: { success: false }, because: mistakes },
};
