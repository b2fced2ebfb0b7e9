import type { JsonObject, JsonValue } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';

type Details = Schema<'WorkspaceDetails'>;

/** Names kept in a row as a list of strings, as the API shows them. */
function names(value: JsonValue | undefined): { name: string }[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string').map((name) => ({ name })) : [];
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function links(value: JsonValue | undefined): Schema<'RequestedLink'>[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter(isJsonObject)
    .flatMap((link) => (typeof link.name === 'string' ? [{ ...link, name: link.name }] : []));
}

/** The details of a workspace row: `request` holds `files` (names) and `symlinks` (objects), `current` lists of names. */
export function viewDetails(row: {
  readonly request_details: JsonObject;
  readonly current_details: JsonObject;
}): Details {
  return {
    request_workspace_details: {
      files: names(row.request_details.files),
      symlinks: links(row.request_details.symlinks),
    },
    current_workspace_details: {
      files: names(row.current_details.files),
      symlinks: names(row.current_details.symlinks),
    },
  };
}
