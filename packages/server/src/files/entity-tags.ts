import { ApiError } from '../http/api-error.js';

/** A parsed `If-Match` or `If-None-Match`: any version, or one of these. */
export type TagCondition = '*' | readonly EntityTag[];

interface EntityTag {
  readonly value: string;
  readonly isWeak: boolean;
}

/**
 * Reads the value of `If-Match` or `If-None-Match`. A tag without quotes, as JSON answers show it, is understood too.
 *
 * @throws ApiError `invalid_field`
 */
export function parseTags(header: string, name: string): TagCondition {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  let rest = header.trim();
  while (rest !== '') {
    const match = /^(W\/)?(?:"([\x21\x23-\x7e\x80-\xff]*)"|([^\s",]+))\s*(?:,\s*|$)/.exec(rest);
    if (!match) {
      throw new ApiError('invalid_field', `${name}: entity tags in quotes, separated by commas, or * is needed.`, {
        field: name,
      });
    }
    tags.push({ value: match[2] ?? match[3] ?? '', isWeak: match[1] !== undefined });
    rest = rest.slice(match[0].length);
  }
  return tags;
}

/** `If-Match` asks for the very same bytes, so weak tags never match. */
export function matchesStrongly(condition: TagCondition, etag: string): boolean {
  return condition === '*' || condition.some((tag) => !tag.isWeak && tag.value === etag);
}

/** `If-None-Match` asks whether a kept copy may be used again. */
export function matchesWeakly(condition: TagCondition, etag: string): boolean {
  return condition === '*' || condition.some((tag) => tag.value === etag);
}

/** The tag as headers carry it. */
export function quoted(etag: string): string {
  return `"${etag}"`;
}
