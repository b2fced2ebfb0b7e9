/**
 * Headers of everything that comes out of a workspace: its content is whatever somebody put there, so no browser may take it
 * for a page of this origin.
 */
export function downloadHeaders(fileName: string, contentType: string) {
  return {
    'Content-Type': contentType,
    'Content-Disposition': attachment(fileName),
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'Cache-Control': 'private, no-cache',
  };
}

/** Characters that no name on a screen shows: controls, and those that turn the direction of what follows ("exe.txt" for "txt.exe"). */
const unseen = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The file's name in full (RFC 8187), and a plain one for clients that do not know that form. */
function attachment(fileName: string): string {
  const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/gu, '_');
  // Half a surrogate pair, which text from JSON may hold, cannot be encoded.
  const wellFormed = Buffer.from(fileName.replace(unseen, '_')).toString();
  const full = encodeURIComponent(wellFormed).replace(/['()*]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return `attachment; filename="${plain}"; filename*=UTF-8''${full}`;
}
