import type { StorageCapabilities, WorkspaceRow } from '@user-workspaces/contract';
import type { NewLink } from '../files/staged-files.js';
import { type Limits, tooLarge } from '../limits/limits.js';
import { viewDetails } from '../views/details.js';

type Details = Pick<WorkspaceRow, 'request_details' | 'current_details'>;

/** Names of links as a survey has them: those that its row knows of, and these. */
function namesWith(row: Details | undefined, links: readonly NewLink[]): Set<string> {
  const known = row ? viewDetails(row).current_workspace_details.symlinks : [];
  return new Set([...known.map(({ name }) => name), ...links.map(({ path }) => `/${path}`)]);
}

/** @throws ApiError `too_large` when a workspace would have too many links with these. */
export function checkLinks(limits: Limits, row: Details | undefined, links: readonly NewLink[]): void {
  const count = links.length === 0 ? 0 : namesWith(row, links).size;
  if (count <= limits.links_per_workspace) return;
  throw tooLarge(limits, 'links_per_workspace', 'The workspace', count, 'workspace_details.symlinks');
}

/**
 * The change of a row that knows of the links that were made: who makes more counts them, without waiting for the next survey. Of their
 * names it keeps as much as a survey lists.
 */
export function knownLinks(
  row: Details,
  links: readonly NewLink[],
  { surveyLimit, surveyNameBytes }: Pick<StorageCapabilities, 'surveyLimit' | 'surveyNameBytes'>,
): Partial<Details> {
  // Surveys leave these out.
  const shown = links.filter(({ path }) => !path.split('/').some((segment) => segment.startsWith('.')));
  if (shown.length === 0) return {};
  let bytes = 0;
  const kept = [...namesWith(row, shown)].slice(0, surveyLimit).filter((name) => {
    bytes += Buffer.byteLength(JSON.stringify(name));
    return bytes <= surveyNameBytes;
  });
  return { current_details: { ...row.current_details, symlinks: kept.sort() } };
}
