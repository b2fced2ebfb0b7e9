/** Messages between the page and the program; output itself travels as binary frames in between. */

export type FromPage =
  | { readonly type: 'input'; readonly data: string }
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  /** Everything up to this offset has been drawn. */
  | { readonly type: 'drawn'; readonly offset: number };

export type FromProgram =
  /** The shell that this connection belongs to from now on. The next output byte has this offset; with `clear`, what the page shows is outdated. */
  | { readonly type: 'attached'; readonly shell: string; readonly offset: number; readonly clear: boolean }
  | { readonly type: 'ended'; readonly exitCode: number; readonly signal: number };

/** Close codes of the WebSocket. */
export const closeCodes = { taken: 4001, refused: 4002, malformed: 4003 } as const;
